import { ROLLING_OUT } from './predictor-conditions.decide.ts';
import type {
  BlockedReason,
  Condition,
  ConditionType,
  Deployment,
  PredictorOutcome,
} from '../../contract/predictor-outcome.ts';
import type { PredictorFault } from '../../contract/serving-runtime-selection.ts';

/** Whether what is deployed is what the spec asks for: KServe's `transitionStatus`. */
export interface Transition {
  readonly state: 'UpToDate' | 'InProgress' | 'BlockedByFailedLoad' | 'InvalidSpec';
  /** KServe's `lastFailureInfo`. */
  readonly failure?: { readonly reason: FailureReason; readonly message: string };
  /** Whether only a change by a person takes it further. */
  readonly stalled: boolean;
}

/** KServe's CustomResourceDefinition takes these reasons only. */
type FailureReason = PredictorFault | 'RuntimeUnhealthy';

/**
 * Argo CD's health rule for InferenceServices goes by the transition beside the conditions: a False condition alone is
 * Progressing to it, and Degraded only what is neither UpToDate nor InProgress.
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

/** The others go on by themselves once a runtime comes, a foreign object goes, a quota has room. */
const STALLED: ReadonlySet<BlockedReason> = new Set<BlockedReason>([
  'InvalidPredictorSpec',
  'NamespaceNotSelected',
]);

/** There are no pods, as was asked for. */
const AS_ASKED: ReadonlySet<string> = new Set(['Stopped', 'ScaledToZero']);

function deployedTransition(
  { status: { conditions = [] } = {} }: Deployment,
  { status, reason = '' }: Condition = { status: 'Unknown' },
): Transition {
  if (AS_ASKED.has(reason)) return { state: 'UpToDate', stalled: false };
  // With these a Deployment says that its pods do not come up, rather than not yet.
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
 * kstatus, which Flux waits by, takes Ready=True for done and Ready=False for under way unless one of these two says otherwise
 * (sigs.k8s.io/cli-utils, pkg/kstatus). They are there only while they hold.
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
