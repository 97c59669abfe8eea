import { describe, expect, it } from '@jest/globals';
import type { EpochMs } from '../../../src/lib/clock.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { ModelLoaded } from '../../../src/contract/model-loaded.ts';
import type { WaitingModel } from '../../../src/contract/model-config-plan.ts';
import {
  conditionOf,
  sameStatus,
  statusBeside,
  statusOf,
} from '../../../src/contract/trained-model-status.ts';
import type {
  Condition,
  StatusFacts,
  TrainedModelStatus,
} from '../../../src/contract/trained-model-status.ts';
import { knativeManager } from '../../support/knative-conditions.ts';

const at = (time: string): EpochMs => Date.parse(time) as EpochMs;
const NOW = at('2026-01-01T00:00:10.700Z');
const LOADED: ModelLoaded = {
  status: 'True',
  reason: 'Loaded',
  message: 'loaded on every ready replica',
  settled: true,
};
const FAILED: ModelLoaded = {
  status: 'False',
  reason: 'Failed',
  message: 'loaded on 0 of 1 replicas',
  settled: true,
};

const service = (change: object = {}, predictor: object = { sklearn: {} }): InferenceService =>
  ({
    metadata: { name: 'sk' },
    spec: { predictor },
    status: {
      url: 'http://sk.example',
      address: { url: 'http://sk.local' },
      conditions: [{ type: 'Ready', status: 'True' }],
      ...change,
    },
  }) as InferenceService;

const facts = (change: Partial<StatusFacts> = {}): StatusFacts => ({
  model: { metadata: { name: 'm1', generation: 2 } },
  inferenceService: service(),
  waiting: undefined,
  loaded: LOADED,
  anyPodReady: true,
  ...change,
});
const waiting = (reason: WaitingModel['reason'], message = 'why'): Partial<StatusFacts> => ({
  waiting: { name: 'm1', reason, message },
  loaded: { status: 'False', reason, message, settled: true },
});
const verdicts = ({ conditions = [] }: TrainedModelStatus): string[] =>
  conditions.map(
    ({ type, status, reason }) => `${type}=${status}${reason === undefined ? '' : `/${reason}`}`,
  );

describe('the status of a TrainedModel', () => {
  it.each([
    [
      'loaded',
      facts(),
      [
        'InferenceServiceReady=True',
        'IsMMSPredictor=True',
        'MemoryResourceAvailable=True',
        'ModelLoaded=True/Loaded',
        'Ready=True',
      ],
    ],
    [
      'failed',
      facts({ loaded: FAILED }),
      [
        'InferenceServiceReady=True',
        'IsMMSPredictor=True',
        'MemoryResourceAvailable=True',
        'ModelLoaded=False/Failed',
        'Ready=False/Failed',
      ],
    ],
    [
      'without an InferenceService',
      facts({ inferenceService: undefined, ...waiting('InferenceServiceNotFound') }),
      [
        'InferenceServiceReady=False/InferenceServiceNotFound',
        'IsMMSPredictor=Unknown/InferenceServiceNotFound',
        'MemoryResourceAvailable=Unknown/InferenceServiceNotFound',
        'ModelLoaded=False/InferenceServiceNotFound',
        'Ready=False/InferenceServiceNotFound',
      ],
    ],
    [
      'of an InferenceService that is not ready',
      facts({ inferenceService: service({ conditions: [{ type: 'Ready', status: 'Unknown' }] }) }),
      [
        'InferenceServiceReady=False/InferenceServiceNotReady',
        'IsMMSPredictor=True',
        'MemoryResourceAvailable=True',
        'ModelLoaded=True/Loaded',
        'Ready=False/InferenceServiceNotReady',
      ],
    ],
    [
      'of an InferenceService without conditions, with a ready pod',
      facts({ inferenceService: service({ conditions: undefined }) }),
      [
        'InferenceServiceReady=True',
        'IsMMSPredictor=True',
        'MemoryResourceAvailable=True',
        'ModelLoaded=True/Loaded',
        'Ready=True',
      ],
    ],
    [
      'of an InferenceService that is not multi-model',
      facts({
        inferenceService: service({}, { sklearn: { storageUri: 's3://b' } }),
        ...waiting('IsNotMMSPredictor'),
      }),
      [
        'InferenceServiceReady=True',
        'IsMMSPredictor=False/IsNotMMSPredictor',
        'MemoryResourceAvailable=Unknown/IsNotMMSPredictor',
        'ModelLoaded=False/IsNotMMSPredictor',
        'Ready=False/IsNotMMSPredictor',
      ],
    ],
    [
      'without memory',
      facts(waiting('MemoryResourceNotAvailable', 'needs 1Gi')),
      [
        'InferenceServiceReady=True',
        'IsMMSPredictor=True',
        'MemoryResourceAvailable=False/MemoryResourceNotAvailable',
        'ModelLoaded=False/MemoryResourceNotAvailable',
        'Ready=False/MemoryResourceNotAvailable',
      ],
    ],
    [
      'with an invalid name',
      facts(waiting('InvalidName')),
      [
        'InferenceServiceReady=True',
        'IsMMSPredictor=True',
        'MemoryResourceAvailable=Unknown/InvalidName',
        'ModelLoaded=False/InvalidName',
        'Ready=False/InvalidName',
      ],
    ],
  ])('%s', (_, given, expected) => {
    expect(verdicts(statusOf(given, undefined, NOW))).toEqual(expected);
  });

  it('reports the memory with the message of KServe', () => {
    const status = statusOf(facts(waiting('MemoryResourceNotAvailable', 'needs 1Gi')), undefined, NOW);
    expect(conditionOf(status, 'MemoryResourceAvailable')?.message).toBe(
      'Inference Service does not have enough memory resources for Trained Model: needs 1Gi',
    );
  });

  it.each([
    ['v1 by default', { sklearn: {} }, '/v1/models/m1:predict'],
    ['v2 if requested', { sklearn: { protocolVersion: 'v2' } }, '/v2/models/m1/infer'],
    ['v2 for Triton', { triton: {} }, '/v2/models/m1/infer'],
    ['no path for gRPC', { model: { protocolVersion: 'grpc-v2' } }, ''],
    [
      'the protocol of a custom predictor',
      { containers: [{ env: [{ name: 'PROTOCOL', value: 'v2' }] }] },
      '/v2/models/m1/infer',
    ],
    [
      'the protocol of its transformer',
      { containers: [{}, { name: 'transformer-container', env: [{ name: 'PROTOCOL', value: 'v2' }] }] },
      '/v2/models/m1/infer',
    ],
  ])('has the URL of its protocol: %s', (_, predictor, path) => {
    expect(statusOf(facts({ inferenceService: service({}, predictor) }), undefined, NOW)).toMatchObject({
      url: `http://sk.example${path}`,
      address: { url: `http://sk.local${path}` },
      observedGeneration: 2,
    });
  });

  it.each([statusOf, statusBeside])('quotes a bounded length of user text, by %p', (made) => {
    const message = `no ${'x'.repeat(1_200_000)} here`;
    const waiting: WaitingModel = { name: 'm1', reason: 'MemoryResourceNotAvailable', message };
    const status = made(facts({ waiting, loaded: { ...FAILED, message } }), undefined, NOW);
    expect(JSON.stringify(status).length).toBeLessThan(20_000);
    expect(conditionOf(status, 'ModelLoaded')?.message).toMatch(/^no x+ … x+ here$/);
  });

  it('keeps the times of unchanged conditions, to the second', () => {
    const before = statusOf(facts({ loaded: FAILED }), undefined, at('2026-01-01T00:00:00.900Z'));
    const after = statusOf(facts(), before, NOW);
    const times = (after.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]);
    expect(Object.fromEntries(times)).toEqual({
      InferenceServiceReady: '2026-01-01T00:00:00Z',
      IsMMSPredictor: '2026-01-01T00:00:00Z',
      MemoryResourceAvailable: '2026-01-01T00:00:00Z',
      ModelLoaded: '2026-01-01T00:00:10Z',
      Ready: '2026-01-01T00:00:10Z',
    });
    expect(sameStatus(statusOf(facts(), after, at('2026-01-02T00:00:00Z')), after)).toBe(true);
    expect(sameStatus(before, after)).toBe(false);
  });
});

describe('with several faults', () => {
  const NOT_READY = { inferenceService: service({ conditions: [{ type: 'Ready', status: 'False' }] }) };

  it.each([
    ['it has no memory', waiting('MemoryResourceNotAvailable'), 'MemoryResourceNotAvailable'],
    [
      'its InferenceService is not multi-model',
      {
        ...waiting('IsNotMMSPredictor'),
        inferenceService: service({ conditions: undefined }, { sklearn: { storageUri: 's3://b' } }),
        anyPodReady: false,
      },
      'IsNotMMSPredictor',
    ],
    ['its spec is wrong', waiting('InvalidSpec'), 'InvalidSpec'],
    ['models.json is full', waiting('ConfigMapFull'), 'ConfigMapFull'],
    ['models.json cannot be written', waiting('ConfigMapNotWritten'), 'ConfigMapNotWritten'],
    ['it failed to load', { loaded: FAILED }, 'Failed'],
    ['it has no pods', { loaded: { ...FAILED, reason: 'NoReplicas' } }, 'InferenceServiceNotReady'],
  ])('Ready has the reason of the model: %s', (_, change, reason) => {
    const given = facts({ ...NOT_READY, ...change });
    const first = statusOf(given, undefined, NOW);
    expect(conditionOf(first, 'Ready')).toMatchObject({ status: 'False', reason });
    // It stays so when the InferenceService becomes unready later.
    const before = statusOf(facts(change), undefined, NOW);
    const later = statusOf(given, before, at('2026-01-01T00:01:00Z'));
    expect(conditionOf(later, 'Ready')?.reason).toBe(reason);
  });
});

describe("beside KServe's controller", () => {
  const KSERVE_TYPES = ['InferenceServiceReady', 'IsMMSPredictor', 'MemoryResourceAvailable'];
  const CASES = [
    LOADED,
    FAILED,
    { ...FAILED, status: 'Unknown', reason: 'AgentNotReachable' } as const,
  ].flatMap((loaded) =>
    [[], ['InferenceServiceReady'], ['IsMMSPredictor'], ['MemoryResourceAvailable']].map((broken) => ({
      loaded,
      broken,
    })),
  );

  it.each(CASES)(
    'does not alternate with KServe over $loaded.reason while $broken is False',
    ({ loaded, broken }) => {
      let clock = NOW as number;
      const kserve = knativeManager(() => clock);
      let status: TrainedModelStatus = {};
      const versions: string[] = [];
      for (let round = 0; round < 6; round++) {
        clock += 2_000;
        const theirs = kserve(status, KSERVE_TYPES, new Set<string>(broken));
        if (JSON.stringify(theirs) !== JSON.stringify(status)) versions.push(`kserve in round ${round}`);
        status = theirs;
        clock += 2_000;
        const ours = statusBeside(facts({ loaded }), status, clock as EpochMs);
        if (!sameStatus(status, ours)) {
          versions.push(`we in round ${round}`);
          status = ours;
        }
      }
      // Both have written once, or KServe twice to include ModelLoaded in its Ready.
      expect(versions.filter((version) => !/round [01]/.test(version))).toEqual([]);
      const ready: Condition | undefined = conditionOf(status, 'Ready');
      expect(ready?.status).toBe(broken.length > 0 ? 'False' : loaded.status);
    },
  );

  it('keeps the URL and address of KServe', () => {
    const stored: TrainedModelStatus = { url: 'theirs', address: { url: 'theirs' }, observedGeneration: 1 };
    expect(statusBeside(facts(), stored, NOW)).toMatchObject(stored);
  });
});
