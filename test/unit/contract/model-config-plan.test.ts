import { describe, expect, it } from '@jest/globals';
import type { InferenceService, Predictor } from '../../../src/contract/inference-service.ts';
import { byteLength, encodeModelConfig } from '../../../src/contract/model-config.ts';
import { MODELS_JSON_CAPACITY, planModelConfig } from '../../../src/contract/model-config-plan.ts';
import type { ModelConfigPlan, PlanInput } from '../../../src/contract/model-config-plan.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';
import { SEEDS, seededRandom } from './seeded-random.ts';

interface ModelOptions {
  readonly memory?: unknown;
  /** Minutes after the first model. */
  readonly at?: number;
  readonly labels?: Record<string, string>;
  readonly deleting?: boolean;
  readonly spec?: object;
}

const model = (name: string, { memory = '1Gi', at = 0, labels, deleting, spec }: ModelOptions = {}) =>
  ({
    metadata: {
      name,
      namespace: 'ns',
      creationTimestamp: `2026-01-01T00:${String(at).padStart(2, '0')}:00Z`,
      ...(labels === undefined ? {} : { labels }),
      ...(deleting === true ? { deletionTimestamp: '2026-01-02T00:00:00Z' } : {}),
    },
    spec: {
      inferenceService: 'sk',
      model: { storageUri: `s3://b/${name}`, framework: 'sklearn', memory, ...spec },
    },
  }) as TrainedModel;

const isvc = (limit?: string, predictor?: object): InferenceService => ({
  metadata: { name: 'sk', namespace: 'ns', uid: 'u' },
  spec: {
    predictor: (predictor ?? {
      sklearn: limit === undefined ? {} : { resources: { limits: { memory: limit } } },
    }) as Predictor,
  },
});

const plan = (trainedModels: readonly TrainedModel[], input: Partial<PlanInput> = {}) =>
  planModelConfig({
    inferenceService: isvc('3Gi'),
    placed: new Set(),
    first: 'placed',
    capacity: MODELS_JSON_CAPACITY,
    trainedModels,
    ...input,
  });

const placedBy = ({ shards }: ModelConfigPlan) =>
  shards.flatMap(({ models }) => models.map(({ modelName }) => modelName));
const waitingBy = ({ waiting }: ModelConfigPlan) =>
  Object.fromEntries(waiting.map(({ name, reason }) => [name, reason]));

const allocated = { 'serving.kserve.io/trainedmodel-allocated': 'sk' };
const NoMemory = 'MemoryResourceNotAvailable';

describe('which models are in models.json, with 3Gi of memory', () => {
  it.each([
    {
      name: 'all that fit',
      models: [model('a'), model('b'), model('c')],
      placed: [],
      into: ['a', 'b', 'c'],
      waits: {},
    },
    {
      name: 'the oldest first',
      models: [model('a', { at: 2 }), model('b', { at: 1 }), model('c', { at: 1, memory: '2Gi' })],
      placed: [],
      into: ['b', 'c'],
      waits: { a: NoMemory },
    },
    {
      name: 'by name among models of the same age',
      models: [model('d'), model('c'), model('b'), model('a')],
      placed: [],
      into: ['a', 'b', 'c'],
      waits: { d: NoMemory },
    },
    {
      name: 'a placed model before an older one',
      models: [model('old', { memory: '2Gi' }), model('in', { at: 9, memory: '2Gi' })],
      placed: ['in'],
      into: ['in'],
      waits: { old: NoMemory },
    },
    {
      name: 'the oldest of the placed models',
      models: [model('a', { at: 2, memory: '2Gi' }), model('b', { at: 1, memory: '2Gi' })],
      placed: ['a', 'b'],
      into: ['b'],
      waits: { a: NoMemory },
    },
    {
      name: 'a model that KServe admitted before an older one, in case the ConfigMap is lost',
      models: [model('old', { memory: '2Gi' }), model('in', { at: 9, memory: '2Gi', labels: allocated })],
      placed: [],
      into: ['in'],
      waits: { old: NoMemory },
    },
    {
      name: 'a label does not displace a placed model',
      models: [model('old', { memory: '2Gi', labels: allocated }), model('in', { at: 9, memory: '2Gi' })],
      placed: ['in'],
      into: ['in'],
      waits: { old: NoMemory },
    },
    {
      name: 'ignores the label of another InferenceService',
      models: [
        model('a', { at: 1, memory: '2Gi' }),
        model('b', { at: 9, memory: '2Gi', labels: { 'serving.kserve.io/trainedmodel-allocated': 'other' } }),
      ],
      placed: [],
      into: ['a'],
      waits: { b: NoMemory },
    },
    {
      name: 'a smaller model after a larger one',
      models: [model('a', { memory: '2Gi' }), model('b', { at: 1, memory: '2Gi' }), model('c', { at: 2 })],
      placed: [],
      into: ['a', 'c'],
      waits: { b: NoMemory },
    },
    {
      name: 'a model too large for an empty server',
      models: [model('a', { memory: '4Gi' })],
      placed: [],
      into: [],
      waits: { a: NoMemory },
    },
    {
      name: 'a model of more than 2^63 bytes',
      models: [model('a', { memory: '12E' })],
      placed: [],
      into: [],
      waits: { a: NoMemory },
    },
    {
      name: 'ignores models that are being deleted, and their memory is free',
      models: [model('a', { memory: '3Gi', deleting: true }), model('b', { memory: '3Gi', at: 1 })],
      placed: ['a'],
      into: ['b'],
      waits: {},
    },
    {
      name: 'ignores a name in the ConfigMap without a TrainedModel',
      models: [model('b')],
      placed: ['gone'],
      into: ['b'],
      waits: {},
    },
    { name: 'no models', models: [], placed: [], into: [], waits: {} },
    {
      name: 'models with names of JavaScript properties',
      models: [model('__proto__'), model('constructor')],
      placed: ['constructor'],
      into: ['constructor', '__proto__'],
      waits: {},
    },
  ])('$name', ({ models, placed, into, waits }) => {
    const decided = plan(models, { placed: new Set(placed) });
    expect(placedBy(decided)).toEqual(into);
    expect(waitingBy(decided)).toEqual(waits);
    expect(decided.shards.map(({ configMapName }) => configMapName)).toEqual(['modelconfig-sk-0']);
    expect(decided.mms?.isMms).toBe(true);
  });

  it('copies the spec of the TrainedModel', () => {
    expect(plan([model('a', { memory: 1024 })]).shards[0]?.models).toEqual([
      { modelName: 'a', modelSpec: { storageUri: 's3://b/a', framework: 'sklearn', memory: '1024' } },
    ]);
  });

  it('adds up the memory of the placed models', () => {
    const { memory } = plan([
      model('a'),
      model('b', { memory: '512Mi' }),
      model('c', { memory: '3Gi', at: 1 }),
    ]);
    expect(memory).toEqual({ used: 1536n * 1024n ** 2n, limit: 3n * 1024n ** 3n });
  });

  it('reports the memory that a model needs, the free memory and the limit', () => {
    const { waiting } = plan([model('a', { memory: '2Gi' }), model('b', { memory: '1536Mi', at: 1 })]);
    expect(waiting).toEqual([
      { name: 'b', reason: NoMemory, message: "needs 1536Mi, but 1Gi of the predictor's 3Gi were free" },
    ]);
  });
});

describe("beside KServe's controller", () => {
  const models = [
    model('ours', { memory: '2Gi' }),
    model('theirs', { at: 9, memory: '2Gi', labels: allocated }),
  ];

  it.each([
    { name: 'its decision takes precedence over ours of the same moment', placed: ['ours', 'theirs'] },
    { name: 'its decision takes precedence even when ours was first', placed: ['ours'] },
  ])('$name', ({ placed }) => {
    const decided = plan(models, { placed: new Set(placed), first: 'allocated' });
    expect(placedBy(decided)).toEqual(['theirs']);
    expect(waitingBy(decided)).toEqual({ ours: NoMemory });
  });
});

describe('a changed limit', () => {
  const models = [model('a', { at: 1 }), model('b', { at: 2 }), model('c', { at: 3 })];
  it.each([
    { limit: '3Gi', into: ['a', 'b', 'c'] },
    { limit: '2Gi', into: ['a', 'b'] },
    { limit: '1Gi', into: ['a'] },
    { limit: '1073741823', into: [] },
    { limit: '0', into: [] },
    { limit: undefined, into: ['a', 'b', 'c'] },
  ])('to $limit: $into', ({ limit, into }) => {
    const decided = plan(models, { inferenceService: isvc(limit), placed: new Set(['a', 'b', 'c']) });
    expect(placedBy(decided)).toEqual(into);
    expect(decided.waiting.map(({ reason }) => reason)).toEqual(decided.waiting.map(() => NoMemory));
  });
});

it.each([
  { bad: model('a.b'), reason: 'InvalidName' },
  { bad: model('x', { memory: '-1Gi' }), reason: 'InvalidSpec' },
])(
  'a model that cannot be served waits as $reason, even if placed, and the others are placed',
  ({ bad, reason }) => {
    const decided = plan([bad, model('good')], { placed: new Set([bad.metadata.name]) });
    expect(placedBy(decided)).toEqual(['good']);
    expect(waitingBy(decided)).toEqual({ [bad.metadata.name]: reason });
    expect(decided.memory.used).toBe(1024n ** 3n);
  },
);

describe('an InferenceService without models', () => {
  const models = [model('a'), model('b.c'), model('gone', { deleting: true })];

  it('absent: every model waits, and no ConfigMap is planned', () => {
    const decided = plan(models, { inferenceService: undefined });
    expect(decided).toMatchObject({ shards: [], memory: { used: 0n, limit: undefined } });
    expect(decided.mms).toBeUndefined();
    expect(waitingBy(decided)).toEqual({ a: 'InferenceServiceNotFound', 'b.c': 'InferenceServiceNotFound' });
  });

  it.each([
    {
      name: 'one model of its own',
      predictor: { sklearn: { storageUri: 's3://b/m' } },
      reported: 'storageUri',
    },
    { name: 'no implementation', predictor: {}, reported: 'neither' },
    { name: 'a custom predictor', predictor: { containers: [{}] }, reported: 'MULTI_MODEL_SERVER' },
  ])('not multi-model ($name): every model waits with a message', ({ predictor, reported }) => {
    const decided = plan(models, { inferenceService: isvc(undefined, predictor), placed: new Set(['a']) });
    expect(decided.shards).toEqual([]);
    expect(decided.mms?.isMms).toBe(false);
    expect(waitingBy(decided)).toEqual({ a: 'IsNotMMSPredictor', 'b.c': 'IsNotMMSPredictor' });
    expect(decided.waiting[0]?.message).toMatch(new RegExp(`sk is not multi-model: .*${reported}`));
  });

  it('without a spec', () => {
    const decided = plan(models, { inferenceService: { metadata: { name: 'sk' } } });
    expect(decided.waiting[0]?.reason).toBe('IsNotMMSPredictor');
  });
});

describe('a ConfigMap is full at its last byte', () => {
  const models = [model('a', { at: 1 }), model('b', { at: 2 }), model('c', { at: 3 })];
  const size = (count: number) =>
    byteLength(encodeModelConfig(plan(models.slice(0, count)).shards[0]!.models));

  it.each([
    { name: 'three fit exactly', capacity: size(3), into: ['a', 'b', 'c'] },
    { name: 'one byte less', capacity: size(3) - 1, into: ['a', 'b'] },
    { name: 'two fit exactly', capacity: size(2), into: ['a', 'b'] },
    { name: 'one fits exactly', capacity: size(1), into: ['a'] },
    { name: 'none fits', capacity: size(1) - 1, into: [] },
    { name: 'only room for the brackets', capacity: 2, into: [] },
  ])('$name: $into', ({ capacity, into }) => {
    const decided = plan(models, { capacity });
    expect(placedBy(decided)).toEqual(into);
    expect(
      decided.waiting.every(
        ({ reason, message }) => reason === 'ConfigMapFull' && message.includes(`${capacity}`),
      ),
    ).toBe(true);
    expect(decided.waiting).toHaveLength(3 - into.length);
  });

  it('places a shorter entry after a longer one, and a model without a place uses no memory', () => {
    const long = model('long', { memory: '3Gi', spec: { storageUri: `s3://b/${'x'.repeat(500)}` } });
    const decided = plan([long, model('b', { at: 1, memory: '3Gi' })], { capacity: 400 });
    expect(placedBy(decided)).toEqual(['b']);
    expect(waitingBy(decided)).toEqual({ long: 'ConfigMapFull' });
    expect(decided.memory.used).toBe(3n * 1024n ** 3n);
  });

  it('leaves room for other keys below the 1 MiB limit of Kubernetes', () => {
    expect(MODELS_JSON_CAPACITY).toBeLessThan(1024 ** 2);
    expect(MODELS_JSON_CAPACITY).toBeGreaterThan(1024 ** 2 * 0.95);
  });
});

describe.each(SEEDS)('random models, seed %i', (seed) => {
  const random = seededRandom(seed);
  const models = Array.from({ length: 1 + random.integer(15) }, (_, index) =>
    model(`m${index}`, {
      at: random.integer(5),
      memory: random.pick(['0', '256Mi', '512Mi', '1Gi', '2Gi', '-1', 'much']),
      deleting: random.integer(8) === 0,
      ...(random.integer(3) === 0 ? { labels: allocated } : {}),
    }),
  );
  const capacity = 2 + random.integer(1500);
  const inferenceService = isvc(random.pick(['1Gi', '2Gi', '4Gi', undefined]));

  it('decides the same for any order of the models', () => {
    const input = { inferenceService, capacity, placed: new Set(['m1', 'm3']) };
    expect(plan(random.shuffle(models), input)).toEqual(plan(models, input));
  });

  it('lists every model that is not being deleted once, and stays within both limits', () => {
    const decided = plan(models, { inferenceService, capacity });
    const alive = models.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const reported = [...placedBy(decided), ...decided.waiting.map(({ name }) => name)];
    expect(reported.sort()).toEqual(alive.map(({ metadata }) => metadata.name).sort());
    expect(byteLength(encodeModelConfig(decided.shards[0]!.models))).toBeLessThanOrEqual(capacity);
    if (decided.memory.limit !== undefined) expect(decided.memory.used <= decided.memory.limit).toBe(true);
  });

  it('never displaces a placed model for new ones, and is stable afterwards', () => {
    const first = random.shuffle(models).slice(0, random.integer(models.length + 1));
    const before = placedBy(plan(first, { inferenceService, capacity }));
    const after = plan(models, { inferenceService, capacity, placed: new Set(before) });
    expect(placedBy(after)).toEqual(expect.arrayContaining(before));
    const again = plan(models, { inferenceService, capacity, placed: new Set(placedBy(after)) });
    expect(placedBy(again).sort()).toEqual(placedBy(after).sort());
  });
});
