import type { InferenceService } from '../contract/inference-service.ts';
import { conditionOf, hasOutdatedStatus, MODEL_LOADED } from '../contract/trained-model-status.ts';
import type { Condition, TrainedModelStatus } from '../contract/trained-model-status.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { broken, ok, unknown } from './chain.decide.ts';
import type { Step, StepResult } from './chain.decide.ts';
import { adviceOnRefusal } from './refusal-advice.decide.ts';
import { checkReady } from './service-steps.decide.ts';

/** What the manager has written about a model. */
interface ReportedStatus {
  readonly condition: Condition | undefined;
  readonly status: TrainedModelStatus | undefined;
  /** The report is about another version than the current spec. */
  readonly outdated: boolean;
}

export function reportedStatusOf(model: TrainedModel): ReportedStatus {
  const status = model.status as TrainedModelStatus | undefined;
  return { condition: conditionOf(status, MODEL_LOADED), status, outdated: hasOutdatedStatus(model) };
}

/** From the agent to the URL, as the manager has reported it. */
export function loadingSteps(
  model: TrainedModel,
  reported: ReportedStatus,
  service: InferenceService | undefined,
): Step[] {
  const { condition } = reported;
  return [
    ['status-current', () => checkStatusCurrent(reported)],
    [
      'agent-reachable',
      () => stands(condition, 'the agents answer', (reason) => reason === 'AgentNotReachable'),
    ],
    [
      'agent-has-config',
      () => stands(condition, 'the agents know of it', (reason) => ON_ITS_WAY.has(reason)),
    ],
    ['model-downloaded', () => stands(condition, 'it is downloaded', isDownload)],
    ['model-loaded', () => checkLoaded(condition, model, service)],
    ['inference-service-ready', () => checkServiceReady(reported, service)],
    ['has-url', () => checkUrl(model, reported)],
  ];
}

function checkStatusCurrent({ condition, outdated }: ReportedStatus): StepResult {
  if (condition === undefined)
    return unknown(
      `the TrainedModel has no condition ${MODEL_LOADED}: no report yet of whether it is loaded`,
    );
  return outdated
    ? broken('the status is about an earlier version of the TrainedModel')
    : ok(textOf(condition));
}

const ON_ITS_WAY: ReadonlySet<string> = new Set(['Queued']);
/** If the user may not read pods, the manager's report is the only source. */
const NO_REPLICAS = 'NoReplicas';

function stands(
  condition: Condition | undefined,
  fine: string,
  isHere: (reason: string, condition: Condition) => boolean,
): StepResult {
  if (condition === undefined) return unknown(UNREPORTED);
  if (condition.reason === NO_REPLICAS) return unknown(textOf(condition));
  if (condition.status === 'True' || !isHere(condition.reason ?? '', condition)) return ok(fine);
  return broken(textOf(condition));
}

const UNREPORTED = 'it has not been reported';

/** The agent's reasons when the model server refuses a model, or has no room: src/agent/model-server/v2.ts. */
const SERVER_REASONS: ReadonlySet<string> = new Set([
  'ModelTooLarge',
  ...['LoadFailed', 'UnloadFailed', 'ModelServerUnavailable', 'ModelServerTimeout'],
]);

function isDownload(reason: string, { message = '' }: Condition): boolean {
  if (reason === 'Downloading') return true;
  return reason === 'Failed' && !agentReasonsIn(message).some((one) => SERVER_REASONS.has(one));
}

/** The agents' reasons, which are stable, in a message of `modelLoadedOf`: a condition has no other place for them. */
function agentReasonsIn(message: string): string[] {
  return [...message.matchAll(/(?:^|; )pod [^\s:]+: (\w+)/g)].map(([, reason = '']) => reason);
}

function checkLoaded(
  condition: Condition | undefined,
  model: TrainedModel,
  service: InferenceService | undefined,
): StepResult {
  if (condition === undefined) return unknown(UNREPORTED);
  if (condition.status === 'True') return ok(textOf(condition));
  return condition.reason === NO_REPLICAS
    ? broken(textOf(condition), 'ask a user who may read pods to check those of the InferenceService')
    : broken(textOf(condition), adviceOnRefusal(condition.message ?? '', model, service));
}

/** The InferenceService's own conditions are more precise than the model's, which only say that it is not ready. */
function checkServiceReady({ status }: ReportedStatus, service: InferenceService | undefined): StepResult {
  const condition = conditionOf(status, 'InferenceServiceReady');
  if (condition === undefined) return unknown('the readiness of the InferenceService has not been reported');
  if (condition.status === 'True') return ok('the InferenceService is ready');
  const own = checkReady(service);
  return own.outcome === 'broken' ? own : broken(textOf(condition));
}

function checkUrl({ metadata }: TrainedModel, { status }: ReportedStatus): StepResult {
  const url = status?.url ?? status?.address?.url;
  return url === undefined
    ? unknown(`no URL is known for ${metadata.name}: the InferenceService has none`)
    : ok(url);
}

function textOf({ reason = '', message = '' }: Condition): string {
  return [reason, message].filter((text) => text !== '').join(': ');
}
