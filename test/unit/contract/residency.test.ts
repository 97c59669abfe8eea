import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { configMapChange, modelsCapacityOf } from '../../../src/contract/model-config-map.ts';
import { byteLength, encodeModelConfig } from '../../../src/contract/model-config.ts';
import { MODELS_JSON_CAPACITY, planModelConfig } from '../../../src/contract/model-config-plan.ts';
import {
  decodeResidency,
  defaultMemoryBudget,
  encodeResidency,
  pinDoubt,
  readResidency,
  type Residency,
} from '../../../src/contract/residency.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';
import { bytes, formatBytes, parseQuantity, toBytes } from '../../../src/lib/quantity.ts';

const GI = 1024 ** 3;
const ON_DEMAND = { 'kserve-mms/residency': 'on-demand' };

describe('the residency annotations of an InferenceService', () => {
  it.each([
    ['none', undefined, { kind: 'always' }, 0],
    ['always', { 'kserve-mms/residency': 'always' }, { kind: 'always' }, 0],
    ['on-demand', ON_DEMAND, { kind: 'on-demand', memoryBudget: undefined }, 0],
    [
      'both budgets',
      { ...ON_DEMAND, 'kserve-mms/memory-budget': '2Gi', 'kserve-mms/disk-budget': '1G' },
      { kind: 'on-demand', memoryBudget: bytes(2 * GI), diskBudget: bytes(1e9) },
      0,
    ],
    ['an unknown word', { 'kserve-mms/residency': 'On-Demand' }, { kind: 'always' }, 1],
    ['an empty word', { 'kserve-mms/residency': '' }, { kind: 'always' }, 1],
    ['not a quantity', { ...ON_DEMAND, 'kserve-mms/memory-budget': 'a lot' }, { memoryBudget: undefined }, 1],
    ['zero', { ...ON_DEMAND, 'kserve-mms/disk-budget': '0' }, { diskBudget: undefined }, 1],
    ['a negative amount', { ...ON_DEMAND, 'kserve-mms/disk-budget': '-1Gi' }, { diskBudget: undefined }, 1],
    [
      'more than a number can hold',
      { ...ON_DEMAND, 'kserve-mms/disk-budget': '9Ei' },
      { diskBudget: undefined },
      1,
    ],
    ['a budget without residency', { 'kserve-mms/memory-budget': '2Gi' }, { kind: 'always' }, 1],
  ])('%s', (_, annotations, expected, doubts) => {
    const read = readResidency(annotations);
    expect(read).toMatchObject(expected);
    expect(read.doubts).toHaveLength(doubts);
  });

  it('allow only "always" on a TrainedModel', () => {
    expect([pinDoubt(undefined), pinDoubt({ 'kserve-mms/residency': 'always' })]).toEqual([
      undefined,
      undefined,
    ]);
    expect(pinDoubt(ON_DEMAND)).toContain('"on-demand"');
  });
});

describe('residency.json', () => {
  const on = (more: Partial<Residency> = {}) =>
    ({
      ...{ kind: 'on-demand', memoryBudget: undefined, diskBudget: undefined, pinned: new Set<string>() },
      ...more,
    }) as Residency & { readonly kind: 'on-demand' };
  it.each([
    ['bare', on(), '{"residency":"on-demand"}'],
    [
      'whole',
      on({ memoryBudget: bytes(5), diskBudget: bytes(7), pinned: new Set(['b', '__proto__', 'a']) }),
      '{"residency":"on-demand","memoryBudgetBytes":5,"diskBudgetBytes":7,"pinned":["__proto__","a","b"]}',
    ],
  ])('%s: is encoded and decoded', (_, residency, text) => {
    expect(encodeResidency(residency)).toBe(text);
    expect(decodeResidency(text)).toEqual({ kind: 'good', residency });
  });

  it('accepts unknown fields and "always"', () => {
    expect(decodeResidency('{"residency":"always","x":1}')).toEqual({
      kind: 'good',
      residency: { kind: 'always' },
    });
  });

  it.each([
    '',
    'on-demand',
    'null',
    '[]',
    '{}',
    '{"residency":"sometimes"}',
    '{"residency":"on-demand","memoryBudgetBytes":"2Gi"}',
    '{"residency":"on-demand","memoryBudgetBytes":0}',
    '{"residency":"on-demand","diskBudgetBytes":1.5}',
    '{"residency":"on-demand","diskBudgetBytes":null}',
    '{"residency":"on-demand","pinned":"a"}',
    '{"residency":"on-demand","pinned":[1]}',
  ])('rejects %s', (text) => {
    expect(decodeResidency(text).kind).toBe('bad');
  });
});

describe('the default memory budget', () => {
  it.each([
    ['100Mi', '50Mi'],
    ['512Mi', '256Mi'],
    ['1Gi', '768Mi'],
    ['4Gi', '3686Mi'],
    ['64Gi', '58982Mi'],
  ])('of a server with a limit of %s is %s', (limit, budget) => {
    const quantity = parseQuantity(limit);
    expect(quantity && formatBytes(defaultMemoryBudget(toBytes(quantity)))).toBe(budget);
  });
});

describe('the ConfigMap of an InferenceService with on-demand residency', () => {
  const isvc = (annotations: Record<string, string> = ON_DEMAND, limit: string | null = '1Gi') =>
    ({
      metadata: { name: 'sk', namespace: 'ns', uid: 'u', annotations },
      spec: {
        predictor: { sklearn: limit === null ? {} : { resources: { limits: { memory: limit } } } },
      },
    }) as InferenceService;
  const model = (name: string, memory: string, annotations?: Record<string, string>): TrainedModel => ({
    metadata: { name, namespace: 'ns', ...(annotations && { annotations }) },
    spec: { inferenceService: 'sk', model: { storageUri: `s3://b/${name}`, framework: 'sklearn', memory } },
  });
  const planned = (
    inferenceService: InferenceService,
    models: readonly TrainedModel[],
    capacity = MODELS_JSON_CAPACITY,
  ) =>
    planModelConfig({
      inferenceService,
      trainedModels: models,
      placed: new Set(),
      first: 'placed',
      capacity,
    });
  const many = Array.from({ length: 50 }, (_, index) => model(`m${index}`, '500Mi'));

  it('has every model that fits by itself, and reports the one that does not', () => {
    const { shards, waiting } = planned(isvc(), [...many, model('large', '800Mi')]);
    expect(shards[0]?.models).toHaveLength(50);
    expect(waiting).toEqual([
      {
        name: 'large',
        reason: 'MemoryResourceNotAvailable',
        message: 'needs 800Mi alone, and the memory budget of all models in use is 768Mi',
      },
    ]);
  });

  it('has models.json as usual, and residency.json beside it', () => {
    const pin = { 'kserve-mms/residency': 'always' };
    const [shard] = planned(isvc(), [model('a', '1Mi', pin), model('b', '1Mi')]).shards;
    const change = shard && configMapChange(isvc(), shard, undefined);
    expect(change).toMatchObject({ kind: 'create' });
    if (shard === undefined || change?.kind !== 'create') return;
    expect(change.configMap.data).toEqual({
      'models.json': encodeModelConfig(shard.models),
      'residency.json': '{"residency":"on-demand","memoryBudgetBytes":805306368,"pinned":["a"]}',
    });
    expect(configMapChange(isvc(), shard, change.configMap)).toEqual({ kind: 'none' });
    // Without the annotation the key is removed, and nothing else changes.
    const [always] = planned(isvc({}), []).shards;
    const back = always && configMapChange(isvc({}), { ...always, models: shard.models }, change.configMap);
    expect(back).toMatchObject({ kind: 'replace', because: ['residency.json'] });
    expect(back?.kind === 'replace' && Object.keys(back.configMap.data ?? {})).toEqual(['models.json']);
  });

  it('without a limit contains no budget, so that of the webhook applies', () => {
    const wish = isvc({ ...ON_DEMAND, 'kserve-mms/disk-budget': '1Gi' }, null);
    expect(planned(wish, [model('a', '100Gi')])).toMatchObject({
      shards: [{ residency: `{"residency":"on-demand","diskBudgetBytes":${GI}}` }],
      waiting: [],
    });
  });

  it('stays within the size limit, however many models are pinned', () => {
    const pin = { 'kserve-mms/residency': 'always' };
    const pinned = many.map(({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, annotations: pin },
    }));
    const capacity = 4_000;
    const { shards, waiting } = planned(isvc(), pinned, capacity);
    const [{ models, residency = '' } = { models: [] }] = shards;
    expect(byteLength(encodeModelConfig(models)) + byteLength(residency)).toBeLessThanOrEqual(capacity);
    expect([models.length + waiting.length, waiting.at(-1)?.reason]).toEqual([50, 'ConfigMapFull']);
  });

  it('does not count residency.json as a foreign key', () => {
    const configMap = { metadata: { name: 'c' }, data: { 'residency.json': 'x'.repeat(100_000) } };
    expect(modelsCapacityOf(configMap as never)).toBe(MODELS_JSON_CAPACITY);
  });
});
