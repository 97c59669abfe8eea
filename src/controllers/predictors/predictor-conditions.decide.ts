import { isRecord, recordsIn } from '../../lib/json.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { APP_LABEL, predictorName } from '../../contract/names.ts';
import type {
  BlockedOutcome,
  Condition,
  ConditionType,
  Deployment,
  DeploymentCondition,
  PredictorOutcome,
  Scale,
} from '../../contract/predictor-outcome.ts';

/** All conditions that a predictor controller manages. One of these that no longer applies is removed. */
export const OWN_CONDITIONS: ReadonlySet<ConditionType> = new Set<ConditionType>([
  ...(['PredictorReady', 'IngressReady', 'Ready', 'Stopped', 'Reconciling', 'Stalled'] as const),
]);

/**
 * KServe's conditions. PredictorReady and IngressReady are True only when a pod is ready and the Service routes to it,
 * so that requests are answered: docs/predictors.md lists the states.
 * @param before the stored status of PredictorReady
 */
export function conditionsOf(
  outcome: PredictorOutcome,
  inferenceService: string,
  before: string | undefined,
): Map<ConditionType, Condition> {
  const predictor = predictorReady(outcome, before);
  const ingress = ingressReady(outcome, predictor, inferenceService);
  return new Map<ConditionType, Condition>([
    ['IngressReady', ingress],
    ['PredictorReady', predictor],
    ['Ready', rollUp(predictor, ingress)],
    ['Stopped', stopped(outcome)],
  ]);
}

function predictorReady(outcome: PredictorOutcome, before: string | undefined): Condition {
  switch (outcome.kind) {
    case 'abandoned':
      return { status: 'Unknown', reason: 'IsNotMMSPredictor', message: outcome.message };
    case 'going':
      return { status: 'Unknown', reason: 'BeingDeleted', message: outcome.message };
    case 'blocked': {
      const { reason, message, deployment, service } = outcome;
      // Without both, no deployed version could ever be reached.
      if (deployment === undefined || service === undefined) return { status: 'False', reason, message };
      const { status } = withoutPods(deployment) ?? deploymentReady(deployment, before);
      return { status, reason, message: `${message}; the previous version keeps running` };
    }
    case 'deployed':
      return (
        scaledReady(outcome.scale) ??
        withoutPods(outcome.deployment) ??
        deploymentReady(outcome.deployment, before)
      );
  }
}

/** A Deployment without pods counts as available, but answers no requests. */
function scaledReady(scale: Scale): Condition | undefined {
  if (scale.kind === 'stopped') {
    return { status: 'False', reason: STOPPED, message: 'the annotation serving.kserve.io/stop is "true"' };
  }
  if (scale.kind === 'external' || scale.replicas > 0) return undefined;
  const message = 'spec.predictor.minReplicas is 0: there are no pods, and requests do not start any';
  return { status: 'False', reason: SCALED_TO_ZERO, message };
}

const STOPPED = 'Stopped';
const SCALED_TO_ZERO = 'ScaledToZero';

/** The same for a number that another client has set. */
function withoutPods({ spec }: Deployment): Condition | undefined {
  if (spec?.replicas !== 0) return undefined;
  const message = 'spec.replicas of the Deployment is 0: there are no pods, and requests do not start any';
  return { status: 'False', reason: SCALED_TO_ZERO, message };
}

/**
 * KServe's reading of a Deployment (`PropagateRawStatus`), with two exceptions. During a rollout KServe reports
 * Unknown; here the pods that serve meanwhile count, so that an update does not make every TrainedModel unready. A
 * Deployment whose strategy allows no available pods counts as available without a ready pod; here it does not.
 */
function deploymentReady({ metadata, status }: Deployment, before: string | undefined): Condition {
  const conditions = new Map(status?.conditions?.map((condition) => [condition.type, condition]));
  const [available, progressing, failure] = ['Available', 'Progressing', 'ReplicaFailure'].map((type) =>
    conditions.get(type),
  );
  if (failure?.status === 'True') return { status: 'False', ...textOf(failure) };
  if (available?.status === 'False') return { status: 'False', ...textOf(available) };
  if (progressing?.status === 'False') return { status: 'False', ...textOf(progressing) };
  if (available === undefined) return NOT_OBSERVED;
  const { replicas = 0, readyReplicas = 0, observedGeneration = 0 } = status ?? {};
  if (replicas > 0 && readyReplicas === 0) {
    return { status: 'False', reason: 'NoReadyPods', message: `none of ${replicas} pods is ready` };
  }
  const observed = observedGeneration >= (metadata.generation ?? 0);
  // The status of a Deployment that had no pods says nothing about the pods it should have now.
  if (!observed && replicas === 0 && before !== 'True') return NOT_OBSERVED;
  if (observed && progressing?.reason !== 'ReplicaSetUpdated')
    return { status: 'True', ...textOf(available) };
  return {
    status: 'True',
    reason: ROLLING_OUT,
    message: 'new pods replace old ones, which serve in the meantime',
  };
}

export const ROLLING_OUT = 'RollingOut';

const NOT_OBSERVED: Condition = {
  status: 'Unknown',
  reason: 'DeploymentNotObserved',
  message: 'the Deployment has no status yet',
};

function textOf({ reason, message }: DeploymentCondition): { reason?: string; message?: string } {
  return {
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(message === undefined || message === '' ? {} : { message }),
  };
}

/** Whether our Service exists and routes to ready pods. */
function ingressReady(outcome: PredictorOutcome, predictor: Condition, inferenceService: string): Condition {
  if (outcome.kind === 'abandoned' || outcome.kind === 'going') return predictor;
  const { service } = outcome;
  if (service === undefined) return outcome.kind === 'blocked' ? withoutService(outcome) : predictor;
  const elsewhere = leadsElsewhere(service, inferenceService);
  if (elsewhere !== undefined) return { status: 'False', reason: 'ServiceMisdirected', message: elsewhere };
  if (predictor.status === 'True') return { status: 'True' };
  const { status, reason } = predictor;
  return {
    ...{ status, ...(reason === undefined ? {} : { reason }) },
    message: 'the Service exists, but none of its pods is known to be ready',
  };
}

function withoutService({ reason, message }: BlockedOutcome): Condition {
  if (reason === 'ServiceNotOurs' || reason === 'ServiceRefused') return { status: 'False', reason, message };
  return {
    ...{ status: 'Unknown', reason: 'PredictorNotDeployed' },
    message: 'the predictor has no Service yet',
  };
}

/** How an edited Service that could not be corrected fails to reach the pods of the predictor. */
function leadsElsewhere(
  { metadata, ...rest }: KubernetesObject,
  inferenceService: string,
): string | undefined {
  const spec = (rest as { spec?: unknown }).spec;
  // A caller may have only the metadata.
  if (!isRecord(spec)) return undefined;
  const { name } = metadata;
  if (spec['type'] === 'ExternalName')
    return `Service ${name} is of type ExternalName, which points outside the cluster: set its type to ClusterIP`;
  const selector = isRecord(spec['selector']) ? Object.entries(spec['selector']) : [];
  const [key, value] = [APP_LABEL, `isvc.${predictorName(inferenceService)}`];
  if (selector.length !== 1 || selector[0]?.[0] !== key || selector[0][1] !== value)
    return `the selector of Service ${name} is not ${key}=${value}: it selects other pods`;
  return recordsIn(spec['ports']).some(({ port }) => port === 80)
    ? undefined
    : `Service ${name} has no port 80, which the URL uses`;
}

/** Whether there are no pods on request; Argo CD shows it as Suspended. */
function stopped(outcome: PredictorOutcome): Condition {
  const off: Condition = { status: 'False', severity: 'Info' };
  if (outcome.kind === 'abandoned' || outcome.kind === 'going') return off;
  const { deployment } = outcome;
  const empty = deployment?.spec?.replicas === 0;
  if (outcome.kind === 'blocked')
    return outcome.stopped && (deployment === undefined || empty)
      ? { status: 'True', severity: 'Info' }
      : off;
  const { scale } = outcome;
  if (scale.kind === 'stopped') return { status: 'True', severity: 'Info' };
  const zero = scale.kind === 'fixed' ? scale.replicas === 0 : empty;
  return zero ? { status: 'True', reason: SCALED_TO_ZERO, severity: 'Info' } : off;
}

function rollUp(...parts: readonly Condition[]): Condition {
  const worst =
    parts.find(({ status }) => status === 'False') ?? parts.find(({ status }) => status === 'Unknown');
  return worst ?? { status: 'True' };
}
