import { describe, expect, it } from '@jest/globals';
import type { FoldFacts } from '../../../../src/cli/fold/candidate.decide.ts';
import type { Assumptions } from '../../../../src/cli/fold/memory.decide.ts';
import { encodeModelConfig } from '../../../../src/contract/model-config.ts';
import { MODELS_JSON_CAPACITY } from '../../../../src/contract/model-config-plan.ts';
import { bytes } from '../../../../src/lib/quantity.ts';
import { amount, facts, MI, pod, reportOf, single } from './fold-scene.ts';

interface Case {
  readonly what: string;
  readonly given: FoldFacts;
  readonly assumed?: Partial<Assumptions>;
  /** Pods, millicores, mebibytes. */
  readonly before: readonly [number, number, number];
  readonly after: readonly [number, number, number];
  /** Mebibytes of each model, and their source. */
  readonly models: readonly (readonly [number, string])[];
}

const two = (changes = {}): FoldFacts['services'] => [single('rose', changes), single('tulip', changes)];
const v1 = { model: { protocolVersion: 'v1' } };
const written = (resources: unknown) => ({ model: { resources } });
/** The memory of a shared pod without models: MLServer 213, sklearnserver 201, the agent 100 (and 100m). */
const CASES: readonly Case[] = [
  {
    what: 'declared: the request, less an empty MLServer, for each model',
    given: facts(two()),
    ...{ before: [2, 2000, 1200], after: [1, 1100, 213 + 2 * 387 + 100] },
    models: [
      [387, 'declared'],
      [387, 'declared'],
    ],
  },
  {
    what: 'an empty sklearnserver is smaller',
    given: facts(two(v1)),
    ...{ before: [2, 2000, 1200], after: [1, 1100, 201 + 2 * 399 + 100] },
    models: [
      [399, 'declared'],
      [399, 'declared'],
    ],
  },
  {
    what: "without resources: KServe's default of 1 CPU and 2Gi",
    given: facts(two(written(undefined))),
    ...{ before: [2, 2000, 4096], after: [1, 1100, 213 + 2 * 1835 + 100] },
    models: [
      [1835, 'declared'],
      [1835, 'declared'],
    ],
  },
  {
    what: 'a limit without a request counts as the request',
    given: facts(two(written({ limits: { cpu: '500m', memory: '1Gi' } }))),
    ...{ before: [2, 1000, 2048], after: [1, 600, 213 + 2 * 811 + 100] },
    models: [
      [811, 'declared'],
      [811, 'declared'],
    ],
  },
  {
    what: 'a request smaller than an empty server: a guess',
    given: facts(two(written({ requests: { cpu: '100m', memory: '200Mi' } }))),
    ...{ before: [2, 200, 400], after: [1, 200, 213 + 2 * 64 + 100] },
    models: [
      [64, 'guess'],
      [64, 'guess'],
    ],
  },
  {
    what: 'given memory overrides declared memory',
    given: facts(two()),
    assumed: { modelMemory: bytes(20 * MI) },
    ...{ before: [2, 2000, 1200], after: [1, 1100, 213 + 40 + 100] },
    models: [
      [20, 'given'],
      [20, 'given'],
    ],
  },
  {
    what: 'a given empty server overrides the known one',
    given: facts(two()),
    assumed: { emptyServer: bytes(300 * MI) },
    ...{ before: [2, 2000, 1200], after: [1, 1100, 300 + 2 * 300 + 100] },
    models: [
      [300, 'declared'],
      [300, 'declared'],
    ],
  },
  {
    what: 'an unknown empty server: nothing is subtracted',
    given: facts(two({ model: { modelFormat: { name: 'onnx' } } })),
    ...{ before: [2, 2000, 1200], after: [1, 1100, 2 * 600 + 100] },
    models: [
      [600, 'declared'],
      [600, 'declared'],
    ],
  },
  {
    what: 'as many shared pods as the largest member has',
    given: facts([single('rose', { predictor: { minReplicas: 3 } }), single('tulip')]),
    ...{ before: [4, 4000, 2400], after: [3, 3300, 3 * (213 + 2 * 387 + 100)] },
    models: [
      [387, 'declared'],
      [387, 'declared'],
    ],
  },
  {
    what: 'scaled to zero: still one shared pod',
    given: facts(two({ predictor: { minReplicas: 0 } })),
    ...{ before: [0, 0, 0], after: [1, 1100, 213 + 2 * 387 + 100] },
    models: [
      [387, 'declared'],
      [387, 'declared'],
    ],
  },
  {
    what: 'measured: the use less an empty server, plus a quarter, rounded up to mebibytes',
    given: facts(two(), {
      pods: [
        pod('rose', { used: amount(10, 313) }),
        // (214 - 213) x 1.25 is below the minimum.
        pod('tulip', { used: amount(10, 214) }),
      ],
    }),
    ...{ before: [2, 2000, 1200], after: [1, 1100, 213 + 125 + 4 + 100] },
    models: [
      [125, 'measured'],
      [4, 'measured'],
    ],
  },
  {
    what: 'measured: the largest pod counts, and pods with other requests are all counted',
    given: facts(two(), {
      pods: [
        pod('rose', { used: amount(10, 253) }),
        pod('rose', { used: amount(10, 293), server: amount(2000, 700) }),
        pod('tulip', { used: amount(10, 253) }),
      ],
    }),
    ...{ before: [3, 4000, 1900], after: [2, 2 * 2100, 2 * (213 + 100 + 50 + 100)] },
    models: [
      [100, 'measured'],
      [50, 'measured'],
    ],
  },
  {
    what: 'the CPU in use with the margin, if it is more than the largest requests',
    given: facts(two(), {
      pods: [pod('rose', { used: amount(900, 223) }), pod('tulip', { used: amount(900, 223) })],
    }),
    // 1800 x 1.25 = 2250, in steps of 100.
    ...{ before: [2, 2000, 1200], after: [1, 2300 + 100, 213 + 26 + 100] },
    models: [
      [13, 'measured'],
      [13, 'measured'],
    ],
  },
  {
    what: 'other containers stay once for each pod, and an existing agent is replaced',
    given: facts(two(), {
      pods: [
        pod('rose', { beside: amount(50, 40), agent: amount(100, 100) }),
        pod('tulip', { beside: amount(50, 40), agent: amount(100, 100) }),
      ],
    }),
    ...{ before: [2, 2300, 1480], after: [1, 1150, 213 + 2 * 387 + 40 + 100] },
    models: [
      [387, 'declared'],
      [387, 'declared'],
    ],
  },
  {
    what: 'twice the size of the artifact if known, otherwise as declared',
    given: facts(two(), { artifacts: new Map([['s3://models/rose', bytes(30 * MI)]]) }),
    ...{ before: [2, 2000, 1200], after: [1, 1100, 213 + 60 + 387 + 100] },
    models: [
      [60, 'artifact'],
      [387, 'declared'],
    ],
  },
  {
    what: 'measured memory overrides the size of the artifact',
    given: facts(two(), {
      artifacts: new Map([['s3://models/rose', bytes(30 * MI)]]),
      pods: [pod('rose', { used: amount(10, 213 + 8) }), pod('tulip', { used: amount(10, 213 + 8) })],
    }),
    ...{ before: [2, 2000, 1200], after: [1, 1100, 213 + 20 + 100] },
    models: [
      [10, 'measured'],
      [10, 'measured'],
    ],
  },
];

describe('savings by sharing pods', () => {
  it.each(CASES)('$what', ({ given, assumed, before, after, models }) => {
    const report = reportOf(given, assumed);
    const figures = ({ pods, cpu, memory }: (typeof report)['before']) => [pods, cpu, Number(memory) / MI];
    expect(figures(report.before)).toEqual(before);
    expect(figures(report.after)).toEqual(after);
    expect(figures(report.saved)).toEqual(before.map((value, index) => value - after[index]!));
    expect(
      report.groups.flatMap(({ group }) =>
        group.members.map(({ memory }) => [Number(memory.memory) / MI, memory.source]),
      ),
    ).toEqual(models);
  });

  it('has costs by month for resources with a price', () => {
    const given = facts(two());
    const paid = (cpu?: number, memory?: number) => reportOf(given, {}, { prices: { cpu, memory } }).money;
    expect(paid()).toBeUndefined();
    // 2 cores and 1200/1024 GiB before. 1.1 cores and 1087/1024 GiB after. 730 hours.
    expect(paid(0.1)?.before).toBeCloseTo(146);
    expect(paid(0.1)?.after).toBeCloseTo(80.3);
    expect(paid(0.1)?.saved).toBeCloseTo(65.7);
    expect(paid(undefined, 0.01)?.before).toBeCloseTo(8.5547, 4);
    expect(paid(0.1, 0.01)?.after).toBeCloseTo(80.3 + 7.7491, 4);
  });

  it('excludes those that stay alone', () => {
    const report = reportOf(facts([...two(), single('oak', { spec: { transformer: {} } })]));
    expect(report.before.pods).toBe(2);
  });

  it('lists its assumptions', () => {
    const { assumptions } = reportOf(facts(two()), {}, { unmeasured: 'nobody measures.' });
    for (const words of [
      /KServe's default/,
      /100m CPU and 100Mi/,
      /MLServer\) uses 213Mi/,
      /2 models is what its pod/,
      /nobody measures/,
    ])
      expect(assumptions).toContainEqual(expect.stringMatching(words));
  });
});

describe('the models of one shared pod', () => {
  const many = (count: number) => facts(Array.from({ length: count }, (_, index) => single(`m${index}`)));
  const sizes = (report: ReturnType<typeof reportOf>) =>
    report.groups.map(({ group }) => `${group.name}: ${group.members.length}`).sort();

  it('are at most --models-per-pod', () => {
    expect(sizes(reportOf(many(10), { modelsPerPod: 4 }))).toEqual([
      ...['sklearn-shared-2: 4', 'sklearn-shared-3: 2', 'sklearn-shared: 4'],
    ]);
  });

  it('use at most --pod-memory, with an empty server in each pod', () => {
    // 213 + 3 x 387 = 1374
    expect(sizes(reportOf(many(6), { podMemory: bytes(1374 * MI) }))).toEqual([
      ...['sklearn-shared-2: 3', 'sklearn-shared: 3'],
    ]);
    expect(sizes(reportOf(many(6), { podMemory: bytes(1373 * MI) }))).toHaveLength(3);
  });

  it('fit into one ConfigMap', () => {
    const uri = (name: string) => `https://models/${name}/${'x'.repeat(4000)}`;
    const services = Array.from({ length: 300 }, (_, index) =>
      single(`m${index}`, { model: { storageUri: uri(`m${index}`) } }),
    );
    const { groups } = reportOf(facts(services), { modelMemory: bytes(MI) });
    const lengths = groups.map(({ group: { members } }) => {
      const entries = members.map(({ candidate: { name }, storageUri, framework }) => ({
        ...{ modelName: name, modelSpec: { storageUri, framework, memory: '4Mi' } },
      }));
      return encodeModelConfig(entries).length;
    });
    expect(groups).toHaveLength(2);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(MODELS_JSON_CAPACITY);
    // The first is full: one more model would not fit.
    expect(Math.max(...lengths)).toBeGreaterThan(MODELS_JSON_CAPACITY - 4200);
  });

  it('leave out a model that would be alone', () => {
    const report = reportOf(many(3), { modelsPerPod: 2 });
    expect(report.alone.map(({ name, obstacle }) => `${name} ${obstacle.code}`)).toEqual(['m2 Alone']);
    expect(report.alone[0]?.obstacle.message).toMatch(/full/);
  });

  it('avoid names of existing InferenceServices and of other groups', () => {
    const services = [single('a'), single('b'), single('sklearn-shared', { spec: { explainer: {} } })];
    const v1s = ['c', 'd'].map((name) => single(name, { model: { protocolVersion: 'v1' } }));
    const report = reportOf(facts([...services, ...v1s]));
    expect(sizes(report)).toEqual(['sklearn-shared-2: 2', 'sklearn-shared-3: 2']);
    const few = reportOf(facts(services), {}, { only: new Set(['a', 'b']) });
    expect(sizes(few)).toEqual(['sklearn-shared-2: 2']);
  });
});
