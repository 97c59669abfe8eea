import type { InferenceService } from '../../src/contract/inference-service.ts';
import type {
  BlockedOutcome,
  Deployment,
  PredictorOutcome,
  Scale,
} from '../../src/contract/predictor-outcome.ts';
import { nextStatus } from '../../src/controllers/predictors/predictor-status.decide.ts';
import type { ArgoHealth, KStatus, SeenObject } from './gitops-health.ts';

const NOW = '2026-01-02T00:00:00.000Z';
const SERVICE = {
  metadata: { name: 'flowers-predictor' },
  spec: {
    selector: { app: 'isvc.flowers-predictor' },
    ports: [{ name: 'http', port: 80, targetPort: 9081 }],
  },
};
const MISDIRECTED = { ...SERVICE, spec: { ...SERVICE.spec, selector: { app: 'mine' } } };
const AVAILABLE = { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' };
const UNAVAILABLE = { type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable' };
const COMPLETE = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' };
const UNDER_WAY = { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' };
const STUCK = {
  type: 'Progressing',
  status: 'False',
  reason: 'ProgressDeadlineExceeded',
  message: 'too long',
};
const REFUSED = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' };

const deployment = (conditions: readonly object[], counts: object = {}, replicas = 1): Deployment => ({
  metadata: { name: 'flowers-predictor', generation: 2 },
  spec: { replicas },
  status: { observedGeneration: 2, ...counts, conditions: conditions as never },
});
export const RUNNING = deployment([AVAILABLE, COMPLETE], { replicas: 1, readyReplicas: 1 });
const NEW: Deployment = { metadata: { name: 'flowers-predictor', generation: 1 }, spec: { replicas: 1 } };

export const deployed = (
  object: Deployment,
  scale: Scale = { kind: 'fixed', replicas: 1 },
  service: object = SERVICE,
): PredictorOutcome => ({
  ...{ kind: 'deployed', deployment: object, service: service as typeof SERVICE, scale, runtime: undefined },
});
export const blocked = (change: Partial<BlockedOutcome>): PredictorOutcome => ({
  ...{ kind: 'blocked', reason: 'RuntimeNotRecognized', message: 'why', stopped: false },
  ...{ deployment: undefined, service: undefined, ...change },
});
const both = { deployment: RUNNING, service: SERVICE };

/** The InferenceService after a reconcile with this outcome. */
export function seen(outcome: PredictorOutcome, before?: object): SeenObject & { readonly said: string[] } {
  const service: InferenceService = {
    metadata: { name: 'flowers', namespace: 'ns', generation: 7 },
    ...(before === undefined ? {} : { status: before }),
  };
  const status = nextStatus(service, outcome, NOW) as unknown as NonNullable<SeenObject['status']>;
  const said = (status.conditions ?? []).map((condition) => {
    const { type, status: is, reason } = condition as { type: string; status: string; reason?: string };
    return `${type}=${is}${reason === undefined ? '' : `/${reason}`}`;
  });
  return { metadata: service.metadata, status, said };
}

/** Each state of a predictor: its conditions, its health in Argo CD and its status in Flux. */
export const STATES: readonly [
  state: string,
  outcome: PredictorOutcome,
  ingress: string,
  predictor: string,
  argo: ArgoHealth,
  flux: KStatus,
][] = [
  ['its pods are ready', deployed(RUNNING), 'True', 'True/MinimumReplicasAvailable', 'Healthy', 'Current'],
  [
    'new pods replace old ones',
    deployed(deployment([AVAILABLE, UNDER_WAY], { replicas: 2, readyReplicas: 1 })),
    ...(['True', 'True/RollingOut', 'Progressing', 'InProgress'] as const),
  ],
  [
    'its Deployment has not been observed',
    deployed(NEW),
    ...(['Unknown/DeploymentNotObserved', 'Unknown/DeploymentNotObserved'] as const),
    ...(['Progressing', 'InProgress'] as const),
  ],
  [
    'its pods start',
    deployed(deployment([UNAVAILABLE, UNDER_WAY], { replicas: 1 })),
    ...(['False/MinimumReplicasUnavailable', 'False/MinimumReplicasUnavailable'] as const),
    ...(['Progressing', 'InProgress'] as const),
  ],
  [
    'its strategy lets all pods be unavailable, and none is ready',
    deployed(deployment([AVAILABLE, COMPLETE], { replicas: 1 })),
    ...(['False/NoReadyPods', 'False/NoReadyPods', 'Progressing', 'InProgress'] as const),
  ],
  [
    'its pods do not start in time',
    deployed(deployment([UNAVAILABLE, STUCK], { replicas: 1 })),
    ...(['False/MinimumReplicasUnavailable', 'False/MinimumReplicasUnavailable'] as const),
    ...(['Degraded', 'Failed'] as const),
  ],
  [
    'new pods do not start in time',
    deployed(deployment([AVAILABLE, STUCK], { replicas: 2, readyReplicas: 1 })),
    ...(['False/ProgressDeadlineExceeded', 'False/ProgressDeadlineExceeded', 'Degraded', 'Failed'] as const),
  ],
  [
    'its pods are refused',
    deployed(deployment([UNAVAILABLE, REFUSED])),
    ...(['False/FailedCreate', 'False/FailedCreate', 'Degraded', 'InProgress'] as const),
  ],
  [
    'it is stopped',
    deployed(deployment([AVAILABLE, COMPLETE], {}, 0), { kind: 'stopped' }),
    ...(['False/Stopped', 'False/Stopped', 'Suspended', 'InProgress'] as const),
  ],
  [
    'it is stopped, and its pods are still there',
    deployed(RUNNING, { kind: 'stopped' }),
    ...(['False/Stopped', 'False/Stopped', 'Suspended', 'InProgress'] as const),
  ],
  [
    'its spec requests no pods',
    deployed(deployment([AVAILABLE], {}, 0), { kind: 'fixed', replicas: 0 }),
    ...(['False/ScaledToZero', 'False/ScaledToZero', 'Suspended', 'InProgress'] as const),
  ],
  [
    'an autoscaler has removed all pods',
    deployed(deployment([AVAILABLE, COMPLETE], {}, 0), { kind: 'external' }),
    ...(['False/ScaledToZero', 'False/ScaledToZero', 'Suspended', 'InProgress'] as const),
  ],
  [
    'an autoscaler has just requested the first pods',
    deployed({ ...deployment([AVAILABLE, COMPLETE], { observedGeneration: 1 }, 3) }, { kind: 'external' }),
    ...(['Unknown/DeploymentNotObserved', 'Unknown/DeploymentNotObserved'] as const),
    ...(['Progressing', 'InProgress'] as const),
  ],
  [
    'its Service points out of the cluster',
    deployed(RUNNING, undefined, { ...SERVICE, spec: { ...SERVICE.spec, type: 'ExternalName' } }),
    ...(['False/ServiceMisdirected', 'True/MinimumReplicasAvailable', 'Progressing', 'InProgress'] as const),
  ],
  [
    'its Service is a foreign one, and pods are ready',
    blocked({ reason: 'ServiceNotOurs', deployment: RUNNING }),
    ...(['False/ServiceNotOurs', 'False/ServiceNotOurs', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its first Service is refused',
    blocked({ reason: 'ServiceRefused', deployment: NEW }),
    ...(['False/ServiceRefused', 'False/ServiceRefused', 'Degraded', 'InProgress'] as const),
  ],
  [
    'a change of its Service is refused, and the Service is unchanged',
    blocked({ reason: 'ServiceRefused', ...both }),
    ...(['True', 'True/ServiceRefused', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its Service selects other pods, which cannot be repaired',
    blocked({ reason: 'ServiceRefused', ...both, service: MISDIRECTED }),
    ...(['False/ServiceMisdirected', 'True/ServiceRefused', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its Service has lost its port, which cannot be repaired',
    blocked({
      ...{ reason: 'ServiceRefused', ...both },
      service: { ...SERVICE, spec: { ...SERVICE.spec, ports: [] } } as typeof SERVICE,
    }),
    ...(['False/ServiceMisdirected', 'True/ServiceRefused', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its Deployment is a foreign one',
    blocked({ reason: 'DeploymentNotOurs' }),
    ...(['Unknown/PredictorNotDeployed', 'False/DeploymentNotOurs', 'Degraded', 'InProgress'] as const),
  ],
  [
    'there is no runtime',
    blocked({}),
    ...(['Unknown/PredictorNotDeployed', 'False/RuntimeNotRecognized', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its runtime is deleted, and pods are ready',
    blocked(both),
    ...(['True', 'True/RuntimeNotRecognized', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its runtime is deleted, and no pod is ready',
    blocked({ ...both, deployment: deployment([UNAVAILABLE], { replicas: 1 }) }),
    ...(['False/RuntimeNotRecognized', 'False/RuntimeNotRecognized', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its runtime is deleted while it had no pods',
    blocked({ ...both, deployment: deployment([AVAILABLE, COMPLETE], {}, 0) }),
    ...(['False/RuntimeNotRecognized', 'False/RuntimeNotRecognized', 'Degraded', 'InProgress'] as const),
  ],
  [
    'its runtime is deleted, and it is stopped',
    blocked({ ...both, stopped: true, deployment: deployment([AVAILABLE, COMPLETE], {}, 0) }),
    ...(['False/RuntimeNotRecognized', 'False/RuntimeNotRecognized', 'Suspended', 'InProgress'] as const),
  ],
  [
    'its spec is wrong',
    blocked({ reason: 'InvalidPredictorSpec' }),
    ...(['Unknown/PredictorNotDeployed', 'False/InvalidPredictorSpec', 'Degraded', 'Failed'] as const),
  ],
  [
    'its new spec is wrong, and pods are ready',
    blocked({ reason: 'InvalidPredictorSpec', ...both }),
    ...(['True', 'True/InvalidPredictorSpec', 'Degraded', 'Failed'] as const),
  ],
  [
    'its namespace is not selected by the webhook',
    blocked({ reason: 'NamespaceNotSelected' }),
    ...(['Unknown/PredictorNotDeployed', 'False/NamespaceNotSelected', 'Degraded', 'Failed'] as const),
  ],
  [
    'one of its objects is being deleted',
    { kind: 'going', message: 'Service flowers-predictor is being deleted' },
    ...(['Unknown/BeingDeleted', 'Unknown/BeingDeleted', 'Progressing', 'InProgress'] as const),
  ],
  [
    'it is no longer multi-model',
    { kind: 'abandoned', message: 'it has a storageUri' },
    ...(['Unknown/IsNotMMSPredictor', 'Unknown/IsNotMMSPredictor', 'Degraded', 'Failed'] as const),
  ],
];
