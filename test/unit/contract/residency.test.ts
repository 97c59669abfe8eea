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

describe('the annotations of an InferenceService', () => {
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
    ['another word', { 'kserve-mms/residency': 'On-Demand' }, { kind: 'always' }, 1],
    ['nothing', { 'kserve-mms/residency': '' }, { kind: 'always' }, 1],
    ['no quantity', { ...ON_DEMAND, 'kserve-mms/memory-budget': 'a lot' }, { memoryBudget: undefined }, 1],
    ['zero', { ...ON_DEMAND, 'kserve-mms/disk-budget': '0' }, { diskBudget: undefined }, 1],
    ['below zero', { ...ON_DEMAND, 'kserve-mms/disk-budget': '-1Gi' }, { diskBudget: undefined }, 1],
    [
      'more than a number holds',
      { ...ON_DEMAND, 'kserve-mms/disk-budget': '9Ei' },
      { diskBudget: undefined },
      1,
    ],
    ['a budget alone', { 'kserve-mms/memory-budget': '2Gi' }, { kind: 'always' }, 1],
  ])('%s', (_, annotations, expected, doubts) => {
    const read = readResidency(annotations);
    expect(read).toMatchObject(expected);
    expect(read.doubts).toHaveLength(doubts);
  });

  it('of a TrainedModel: "always", or nothing', () => {
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
  ])('%s: is written so, and read again', (_, residency, text) => {
    expect(encodeResidency(residency)).toBe(text);
    expect(decodeResidency(text)).toEqual({ kind: 'good', residency });
  });

  it('has room for fields that are not known yet, and for "always"', () => {
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
  ])('%s is a fault', (text) => {
    expect(decodeResidency(text).kind).toBe('bad');
  });
});

describe('the memory budget where nobody says one', () => {
  it.each([
    ['100Mi', '50Mi'],
    ['512Mi', '256Mi'],
    ['1Gi', '768Mi'],
    ['4Gi', '3686Mi'],
    ['64Gi', '58982Mi'],
  ])('of a server that may use %s: %s', (limit, budget) => {
    const quantity = parseQuantity(limit);
    expect(quantity && formatBytes(defaultMemoryBudget(toBytes(quantity)))).toBe(budget);
  });
});

describe('the ConfigMap of an InferenceService whose models sleep', () => {
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

  it('has every model that fits by itself, and says which one does not and why', () => {
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

  it('has models.json as ever, and what is on-demand beside it', () => {
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
    // The annotation goes: so does the key, and nothing else.
    const [always] = planned(isvc({}), []).shards;
    const back = always && configMapChange(isvc({}), { ...always, models: shard.models }, change.configMap);
    expect(back).toMatchObject({ kind: 'replace', because: ['residency.json'] });
    expect(back?.kind === 'replace' && Object.keys(back.configMap.data ?? {})).toEqual(['models.json']);
  });

  it("without a limit: no budget is made up, and the webhook's holds", () => {
    const wish = isvc({ ...ON_DEMAND, 'kserve-mms/disk-budget': '1Gi' }, null);
    expect(planned(wish, [model('a', '100Gi')])).toMatchObject({
      shards: [{ residency: `{"residency":"on-demand","diskBudgetBytes":${GI}}` }],
      waiting: [],
    });
  });

  it('is never larger than it may be, however many models are pinned', () => {
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

  it('does not count residency.json as foreign', () => {
    const configMap = { metadata: { name: 'c' }, data: { 'residency.json': 'x'.repeat(100_000) } };
    expect(modelsCapacityOf(configMap as never)).toBe(MODELS_JSON_CAPACITY);
  });
});
