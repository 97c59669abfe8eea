import { ROLLING_OUT } from './predictor-conditions.decide.ts';
import type {
  BlockedReason,
  Condition,
  ConditionType,
  Deployment,
  PredictorOutcome,
} from '../../contract/predictor-outcome.ts';
import type { PredictorFault } from '../../contract/serving-runtime-selection.ts';

/** Whether the deployed version is the one in the spec: KServe's `transitionStatus`. */
export interface Transition {
  readonly state: 'UpToDate' | 'InProgress' | 'BlockedByFailedLoad' | 'InvalidSpec';
  /** KServe's `lastFailureInfo`. */
  readonly failure?: { readonly reason: FailureReason; readonly message: string };
  /** Whether it stays so until a user changes something. */
  readonly stalled: boolean;
}

/** KServe's CustomResourceDefinition accepts these reasons only. */
type FailureReason = PredictorFault | 'RuntimeUnhealthy';

/**
 * Argo CD's health rule for InferenceServices uses the transition and the conditions: a False condition alone is
 * Progressing, and Degraded only with a transition that is neither UpToDate nor InProgress.
 */
export function transitionOf(outcome: PredictorOutcome, predictor: Condition | undefined): Transition {
  switch (outcome.kind) {
    case 'abandoned': {
      const { message } = outcome;
      return { state: 'InvalidSpec', failure: { reason: 'InvalidPredictorSpec', message }, stalled: true };
    }
    case 'going':
      return { state: 'InProgress', stalled: false };
    case 'blocked': {
      const { reason, message } = outcome;
      const failure = { reason: failureReason(reason), message };
      return { state: 'InvalidSpec', failure, stalled: STALLED.has(reason) };
    }
    case 'deployed':
      return deployedTransition(outcome.deployment, predictor);
  }
}

/** The others resolve once a runtime appears, an object of another owner is gone, or a quota has room. */
const STALLED: ReadonlySet<BlockedReason> = new Set<BlockedReason>([
  'InvalidPredictorSpec',
  'NamespaceNotSelected',
]);

/** There are no pods, as requested. */
const AS_REQUESTED: ReadonlySet<string> = new Set(['Stopped', 'ScaledToZero']);

function deployedTransition(
  { status: { conditions = [] } = {} }: Deployment,
  { status, reason = '' }: Condition = { status: 'Unknown' },
): Transition {
  if (AS_REQUESTED.has(reason)) return { state: 'UpToDate', stalled: false };
  // With these a Deployment reports that its pods fail to start, rather than that they have not started yet.
  const stuck = conditions.find((one) => one.type === 'Progressing' && one.status === 'False');
  const refused = conditions.find((one) => one.type === 'ReplicaFailure' && one.status === 'True');
  const failure = refused ?? stuck;
  if (failure !== undefined) {
    const message = failure.message ?? failure.reason ?? '';
    return {
      state: 'BlockedByFailedLoad',
      failure: { reason: 'RuntimeUnhealthy', message },
      stalled: refused === undefined,
    };
  }
  const settled = status === 'True' && reason !== ROLLING_OUT;
  return { state: settled ? 'UpToDate' : 'InProgress', stalled: false };
}

/**
 * kstatus, which Flux uses, takes Ready=True for done and Ready=False for in progress unless one of these two
 * conditions is True (sigs.k8s.io/cli-utils, pkg/kstatus). They are present only while they hold.
 */
export function transitionConditions({ state, failure, stalled }: Transition): Map<ConditionType, Condition> {
  if (state === 'UpToDate') return new Map();
  const text = failure === undefined ? { reason: state } : { ...failure };
  const type = stalled ? 'Stalled' : 'Reconciling';
  return new Map([[type, { status: 'True', ...text, severity: 'Info' }]]);
}

function failureReason(reason: BlockedReason): FailureReason {
  switch (reason) {
    case 'NamespaceNotSelected':
    case 'DeploymentNotOurs':
    case 'ServiceNotOurs':
    case 'DeploymentRefused':
    case 'ServiceRefused':
      return 'InvalidPredictorSpec';
    default:
      return reason;
  }
}
