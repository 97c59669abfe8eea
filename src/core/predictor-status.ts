import type { InferenceService } from './inference-service.ts';
import { isRecord, recordsIn } from './json.ts';
import type { JsonObject, KubernetesObject } from './kubernetes.ts';
import { predictorName } from './names.ts';
import type { Scale } from './predictor-workload.ts';
import type { RuntimeOffer } from './serving-runtime.ts';
import type { PredictorFault } from './serving-runtime-selection.ts';

/** apps/v1, without its spec: what became of it is all that is read. */
export interface Deployment extends KubernetesObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly DeploymentCondition[];
  };
}

interface DeploymentCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Why nothing could be made of a predictor: its own fault, somebody else's object in the way, a refusal. */
export type BlockedReason =
  PredictorFault | 'DeploymentNotOurs' | 'ServiceNotOurs' | 'DeploymentRefused' | 'ServiceRefused';

/** What a reconcile came to. */
export type PredictorOutcome =
  | {
      readonly kind: 'deployed';
      readonly deployment: Deployment;
      readonly scale: Scale;
      readonly runtime: Pick<RuntimeOffer, 'kind' | 'name'> | undefined;
    }
  /** `deployment`: from before, and still at work. */
  | {
      readonly kind: 'blocked';
      readonly reason: BlockedReason;
      readonly message: string;
      readonly deployment: Deployment | undefined;
    }
  /** It was multi-model once. Its Deployment is left as it is. */
  | { readonly kind: 'abandoned'; readonly message: string };

/** Conditions of KServe's InferenceService (`inference_service_status.go`); `Ready` stands for the other two. */
type ConditionType = 'PredictorReady' | 'IngressReady' | 'Ready';

interface Condition {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
}

/**
 * The status an InferenceService should have: its own with the fields that a controller of predictors answers for. Equal
 * to what is there when nothing has changed, times included.
 *
 * @param now RFC 3339, for conditions whose status changes
 */
export function nextStatus(
  { metadata, status: before }: InferenceService,
  outcome: PredictorOutcome,
  now: string,
): JsonObject {
  const status = isRecord(before) ? (before as JsonObject) : {};
  const predictor = predictorReady(outcome);
  const ingress: Condition =
    outcome.kind === 'blocked' && outcome.deployment === undefined
      ? { status: 'Unknown', reason: 'PredictorNotDeployed' }
      : { status: 'True' };
  const conditions = new Map<ConditionType, Condition>([
    ['IngressReady', ingress],
    ['PredictorReady', predictor],
    ['Ready', rollUp(predictor, ingress)],
  ]);
  const components = isRecord(status['components']) ? status['components'] : {};
  const url = `http://${predictorName(metadata.name)}.${metadata.namespace ?? ''}.svc.cluster.local`;
  return {
    ...withoutRuntime(status),
    ...(outcome.kind === 'deployed'
      ? {
          url,
          address: { url },
          components: { ...components, predictor: { url } },
          deploymentMode: 'Standard',
        }
      : {}),
    ...runtimeFields(status, outcome),
    modelStatus: modelStatus(status, outcome),
    observedGeneration: metadata.generation ?? 0,
    conditions: mergeConditions(status['conditions'], conditions, now),
  };
}

function predictorReady(outcome: PredictorOutcome): Condition {
  switch (outcome.kind) {
    case 'abandoned':
      return { status: 'Unknown', reason: 'IsNotMMSPredictor', message: outcome.message };
    case 'blocked': {
      const { reason, message } = outcome;
      if (outcome.deployment === undefined) return { status: 'False', reason, message };
      const { status } = deploymentReady(outcome.deployment);
      return { status, reason, message: `${message}; what was deployed before stays` };
    }
    case 'deployed':
      return scaledReady(outcome.scale) ?? deploymentReady(outcome.deployment);
  }
}

/** A Deployment without pods counts as available, but answers nobody. */
function scaledReady(scale: Scale): Condition | undefined {
  if (scale.kind === 'stopped') {
    return { status: 'False', reason: 'Stopped', message: 'the annotation serving.kserve.io/stop is "true"' };
  }
  if (scale.kind === 'external' || scale.replicas > 0) return undefined;
  const message = 'spec.predictor.minReplicas is 0: there are no pods, and no request brings them up';
  return { status: 'False', reason: 'ScaledToZero', message };
}

/**
 * KServe's reading of a Deployment (`PropagateRawStatus`), but for a roll-out under way: KServe is unsure about it,
 * here the pods that serve meanwhile count, so that an update does not make every TrainedModel unready.
 */
function deploymentReady({ metadata, status }: Deployment): Condition {
  const conditions = new Map(status?.conditions?.map((condition) => [condition.type, condition]));
  const [available, progressing, failure] = ['Available', 'Progressing', 'ReplicaFailure'].map((type) =>
    conditions.get(type),
  );
  if (failure?.status === 'True') return { status: 'False', ...textOf(failure) };
  if (available?.status === 'False') return { status: 'False', ...textOf(available) };
  if (progressing?.status === 'False') return { status: 'False', ...textOf(progressing) };
  if (available === undefined) {
    return {
      status: 'Unknown',
      reason: 'DeploymentNotObserved',
      message: 'the Deployment has no status yet',
    };
  }
  const observed = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (observed && progressing?.reason !== 'ReplicaSetUpdated')
    return { status: 'True', ...textOf(available) };
  return {
    status: 'True',
    reason: 'RollingOut',
    message: 'new pods replace old ones, which serve meanwhile',
  };
}

function textOf({ reason, message }: DeploymentCondition): { reason?: string; message?: string } {
  return {
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(message === undefined || message === '' ? {} : { message }),
  };
}

function rollUp(...parts: readonly Condition[]): Condition {
  const worst =
    parts.find(({ status }) => status === 'False') ?? parts.find(({ status }) => status === 'Unknown');
  return worst ?? { status: 'True' };
}

const RUNTIME_FIELDS = new Set(['servingRuntimeName', 'clusterServingRuntimeName']);

function withoutRuntime(status: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(status).filter(([field]) => !RUNTIME_FIELDS.has(field)));
}

function runtimeFields(status: JsonObject, outcome: PredictorOutcome): JsonObject {
  if (outcome.kind !== 'deployed') {
    return Object.fromEntries(Object.entries(status).filter(([field]) => RUNTIME_FIELDS.has(field)));
  }
  if (outcome.runtime === undefined) return {};
  const { kind, name } = outcome.runtime;
  return { [kind === 'ServingRuntime' ? 'servingRuntimeName' : 'clusterServingRuntimeName']: name };
}

/** Whether what is deployed is what the spec asks for: KServe's `transitionStatus`. */
function modelStatus(status: JsonObject, outcome: PredictorOutcome): JsonObject {
  const before = isRecord(status['modelStatus']) ? status['modelStatus'] : {};
  const others = Object.fromEntries(Object.entries(before).filter(([field]) => field !== 'lastFailureInfo'));
  if (outcome.kind !== 'blocked') return { ...others, transitionStatus: 'UpToDate' };
  const { reason, message } = outcome;
  return {
    ...others,
    transitionStatus: 'InvalidSpec',
    lastFailureInfo: { reason: failureReason(reason), message },
  };
}

/** KServe's CustomResourceDefinition takes these reasons only. */
function failureReason(reason: BlockedReason): PredictorFault {
  switch (reason) {
    case 'DeploymentNotOurs':
    case 'ServiceNotOurs':
    case 'DeploymentRefused':
    case 'ServiceRefused':
      return 'InvalidPredictorSpec';
    default:
      return reason;
  }
}

/** Conditions of other writers stay; the time is that of the last change of the status. */
function mergeConditions(
  before: unknown,
  wanted: ReadonlyMap<ConditionType, Condition>,
  now: string,
): JsonObject[] {
  const existing = recordsIn(before);
  const others = existing.filter(({ type }) => !wanted.has(type as ConditionType));
  const ours = [...wanted].map(([type, condition]) => {
    const previous = existing.find((candidate) => candidate['type'] === type);
    const unchanged = previous?.['status'] === condition.status ? previous['lastTransitionTime'] : undefined;
    return { type, ...condition, lastTransitionTime: unchanged ?? now };
  });
  return [...others, ...ours];
}
