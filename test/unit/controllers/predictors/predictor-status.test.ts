import { describe, expect, it } from '@jest/globals';
import type { InferenceService, InferenceServiceStatus } from '../../../../src/contract/inference-service.ts';
import {
  predictorChange,
  fingerprint,
} from '../../../../src/controllers/predictors/predictor-change.decide.ts';
import type { AppliedRecord } from '../../../../src/controllers/predictors/predictor-change.decide.ts';
import { nextStatus } from '../../../../src/controllers/predictors/predictor-status.decide.ts';
import type { Deployment, PredictorOutcome, Scale } from '../../../../src/contract/predictor-outcome.ts';
import type { WantedObject } from '../../../../src/controllers/predictors/predictor-workload.decide.ts';

const NOW = '2026-01-02T00:00:00.000Z';
const BEFORE = '2026-01-01T00:00:00.000Z';

const service = (status?: unknown): InferenceService => ({
  metadata: { name: 'flowers', namespace: 'ns', generation: 7 },
  ...(status === undefined ? {} : { status: status as InferenceServiceStatus }),
});

type Said = [type: string, status: string, reason?: string];

const deployment = (said: readonly Said[], observedGeneration = 2): Deployment => ({
  metadata: { name: 'flowers-predictor', generation: 2 },
  status: {
    observedGeneration,
    conditions: said.map(([type, status, reason = '']) => ({
      type,
      status,
      reason,
      message: `about ${type}`,
    })),
  },
});

const SERVICE = {
  metadata: { name: 'flowers-predictor' },
  spec: { selector: { app: 'isvc.flowers-predictor' }, ports: [{ port: 80 }] },
};

const deployed = (object: Deployment, scale: Scale = { kind: 'fixed', replicas: 1 }): PredictorOutcome => ({
  ...{ kind: 'deployed', deployment: object, service: SERVICE, scale },
  runtime: { kind: 'ServingRuntime', name: 'r' },
});
const blocked = (
  object?: Deployment,
  change: Partial<Extract<PredictorOutcome, { kind: 'blocked' }>> = {},
): PredictorOutcome => ({
  ...{ kind: 'blocked', reason: 'RuntimeDisabled', message: 'r is disabled', deployment: object },
  ...{ service: object === undefined ? undefined : SERVICE, stopped: false },
  ...change,
});
const counted = (said: readonly Said[], counts: object, replicas = 2): Deployment => {
  const object = deployment(said);
  return { ...object, spec: { replicas }, status: { ...object.status, ...counts } };
};

interface SeenCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

const conditionsOf = (outcome: PredictorOutcome, before?: unknown): Map<string, SeenCondition> => {
  const conditions = nextStatus(service(before), outcome, NOW)['conditions'] as unknown as SeenCondition[];
  return new Map(conditions.map((condition) => [condition.type, condition]));
};

const available: Said = ['Available', 'True', 'MinimumReplicasAvailable'];
const complete: Said = ['Progressing', 'True', 'NewReplicaSetAvailable'];

describe('the condition PredictorReady', () => {
  it.each<[string, PredictorOutcome, string, string | undefined]>([
    ['with available pods', deployed(deployment([available, complete])), 'True', 'MinimumReplicasAvailable'],
    [
      'with a Deployment that is not observed yet',
      deployed({ metadata: { name: 'a' } }),
      'Unknown',
      'DeploymentNotObserved',
    ],
    [
      'while the first pods start',
      deployed(
        deployment([
          ['Available', 'False', 'MinimumReplicasUnavailable'],
          ['Progressing', 'True', 'ReplicaSetUpdated'],
        ]),
      ),
      'False',
      'MinimumReplicasUnavailable',
    ],
    [
      'while new pods replace old ones',
      deployed(deployment([available, ['Progressing', 'True', 'ReplicaSetUpdated']])),
      'True',
      'RollingOut',
    ],
    [
      'when a change is not observed yet',
      deployed(counted([available, complete], { observedGeneration: 1, replicas: 1, readyReplicas: 1 })),
      'True',
      'RollingOut',
    ],
    [
      'when new pods do not start in time',
      deployed(deployment([available, ['Progressing', 'False', 'ProgressDeadlineExceeded']])),
      'False',
      'ProgressDeadlineExceeded',
    ],
    [
      'when pods cannot be created',
      deployed(deployment([available, ['ReplicaFailure', 'True', 'FailedCreate']])),
      'False',
      'FailedCreate',
    ],
    [
      'with zero replicas',
      deployed(deployment([available]), { kind: 'fixed', replicas: 0 }),
      'False',
      'ScaledToZero',
    ],
    ['when stopped', deployed(deployment([available]), { kind: 'stopped' }), 'False', 'Stopped'],
    [
      'with an autoscaler',
      deployed(deployment([available]), { kind: 'external' }),
      'True',
      'MinimumReplicasAvailable',
    ],
    ['when the predictor cannot be created', blocked(), 'False', 'RuntimeDisabled'],
    [
      'when the predictor can no longer be created, but runs',
      blocked(deployment([available])),
      'True',
      'RuntimeDisabled',
    ],
    [
      'when the InferenceService is no longer multi-model',
      { kind: 'abandoned', message: 'm' },
      'Unknown',
      'IsNotMMSPredictor',
    ],
  ])('%s', (_, outcome, status, reason) => {
    const conditions = conditionsOf(outcome);
    expect(conditions.get('PredictorReady')).toMatchObject({ status, reason });
    expect(conditions.get('Ready')?.status).toBe(status);
  });
});

describe('the status', () => {
  it('does not change when only time has passed', () => {
    const outcome = deployed(deployment([available, complete]));
    const first = nextStatus(service(), outcome, BEFORE);
    expect(nextStatus(service(first), outcome, NOW)).toEqual(first);
  });

  it('quotes a bounded length of user text', () => {
    const message = `there is no runtime ${'x'.repeat(1_200_000)}`;
    for (const kind of ['blocked', 'abandoned'] as const) {
      const status = nextStatus(service(), { ...blocked(), kind, message } as PredictorOutcome, NOW);
      expect(JSON.stringify(status).length).toBeLessThan(25_000);
      expect(JSON.stringify(status)).toContain('there is no runtime x');
    }
  });

  it('has a new time only for conditions that changed', () => {
    const first = nextStatus(service(), deployed(deployment([])), BEFORE);
    const conditions = conditionsOf(deployed(deployment([available])), first);
    expect(conditions.get('PredictorReady')?.lastTransitionTime).toBe(NOW);
    expect(conditions.get('Stopped')?.lastTransitionTime).toBe(BEFORE);
  });

  it('keeps the fields of others, and its URL when the predictor can no longer be created', () => {
    const others = {
      custom: 1,
      conditions: [{ type: 'Theirs', status: 'True' }],
      modelStatus: { copies: { failedCopies: 0 } },
    };
    const first = nextStatus(service(others), deployed(deployment([available])), BEFORE);
    expect(first).toMatchObject({
      custom: 1,
      servingRuntimeName: 'r',
      url: 'http://flowers-predictor.ns.svc.cluster.local',
    });
    const next = nextStatus(service(first), blocked(deployment([available])), NOW);
    expect(next).toMatchObject({
      ...{ custom: 1, servingRuntimeName: 'r', url: first['url'], observedGeneration: 7 },
      modelStatus: {
        ...{ copies: { failedCopies: 0 }, transitionStatus: 'InvalidSpec' },
        lastFailureInfo: { reason: 'RuntimeDisabled', message: 'r is disabled' },
      },
    });
    expect(conditionsOf(blocked(), first).get('Theirs')).toEqual({ type: 'Theirs', status: 'True' });
    const mended = nextStatus(service(next), deployed(deployment([available])), NOW);
    expect(mended['modelStatus']).toEqual({ copies: { failedCopies: 0 }, transitionStatus: 'UpToDate' });
  });

  it('names only one runtime', () => {
    const first = nextStatus(service(), deployed(deployment([])), BEFORE);
    const runtime = { kind: 'ClusterServingRuntime', name: 'c' } as const;
    const next = nextStatus(
      service(first),
      { ...deployed(deployment([])), runtime } as PredictorOutcome,
      NOW,
    );
    expect(next['clusterServingRuntimeName']).toBe('c');
    expect(next).not.toHaveProperty('servingRuntimeName');
  });

  it.each([[5], [[]], [{ conditions: 'x', components: 1, modelStatus: [] }]])(
    'ignores an invalid status: %j',
    (junk) => {
      expect(nextStatus(service(junk), blocked(), NOW)['conditions']).toHaveLength(5);
    },
  );
});

describe('an object of a predictor', () => {
  const owner = {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    name: 'flowers',
    uid: 'u1',
    controller: true,
  };
  const wanted: WantedObject = {
    metadata: { name: 'flowers-predictor', labels: { a: '1' }, annotations: {}, ownerReferences: [owner] },
    spec: { ports: [{ port: 80 }], selector: { app: 'x' } },
  };
  const live = { ...wanted, metadata: { ...wanted.metadata, uid: 'd1', labels: { a: '1', theirs: '2' } } };
  const applied: AppliedRecord = { wanted: fingerprint(wanted), uid: 'd1', generation: undefined };
  const change = (object: typeof live | undefined, record?: AppliedRecord) =>
    predictorChange('Service', wanted, object, record);
  const withMeta = (metadata: object) => ({ ...live, metadata: { ...live.metadata, ...metadata } });

  it.each<[string, ReturnType<typeof change>, object]>([
    ['is created when it is missing', change(undefined), { kind: 'create' }],
    ['is left unchanged after it was applied', change(live, applied), { kind: 'none' }],
    ['is applied once by a new process', change(live), { kind: 'apply', uid: 'd1' }],
    ['is applied when it was replaced', change(live, { ...applied, uid: 'd0' }), { kind: 'apply' }],
    [
      'is applied when the wanted object changes',
      change(live, { ...applied, wanted: 'x' }),
      { kind: 'apply' },
    ],
    ['is applied when a label was removed', change(withMeta({ labels: {} }), applied), { kind: 'apply' }],
    [
      'is applied when its spec was changed',
      change({ ...live, spec: { ports: [{ port: 81 }], selector: { app: 'x' } } }, applied),
      { kind: 'apply' },
    ],
    [
      'is left unchanged when others have added fields',
      change(
        {
          ...live,
          spec: { ports: [{ port: 81 }, { port: 80, nodePort: 1 }] as never, selector: { app: 'x' } },
        },
        applied,
      ),
      { kind: 'none' },
    ],
    [
      'is applied when its generation differs',
      predictorChange('Deployment', wanted, withMeta({ generation: 3 }), { ...applied, generation: 2 }),
      { kind: 'apply' },
    ],
    [
      'is left unchanged when its generation is the same',
      predictorChange('Deployment', wanted, withMeta({ generation: 2 }), { ...applied, generation: 2 }),
      { kind: 'none' },
    ],
    [
      'is waited for while it is being deleted',
      change(withMeta({ deletionTimestamp: NOW }), applied),
      { kind: 'wait' },
    ],
    [
      'is foreign without an owner',
      change(withMeta({ ownerReferences: [] })),
      { kind: 'foreign', message: expect.stringContaining('delete or rename') },
    ],
    [
      'is foreign with another owner',
      change(withMeta({ ownerReferences: [{ ...owner, kind: 'Other', uid: 'o' }] })),
      { kind: 'foreign', message: expect.stringContaining('belongs to Other flowers;') },
    ],
    [
      'is foreign when a deleted InferenceService of the same name owns it',
      change(withMeta({ ownerReferences: [{ ...owner, uid: 'old' }] })),
      { kind: 'foreign', message: expect.stringContaining('a deleted one of the same name') },
    ],
  ])('%s', (_, actual, expected) => {
    expect(actual).toMatchObject(expected);
  });
});
