import type { InferenceService } from '../contract/inference-service.ts';
import { conditionOf, hasOutdatedStatus, MODEL_LOADED } from '../contract/trained-model-status.ts';
import type { Condition, TrainedModelStatus } from '../contract/trained-model-status.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { broken, ok, unknown } from './chain.decide.ts';
import type { Step, Verdict } from './chain.decide.ts';
import { adviceOnRefusal } from './refusal-advice.decide.ts';
import { judgeReady } from './service-steps.decide.ts';

/** What the manager has written of a model. */
interface Told {
  readonly condition: Condition | undefined;
  readonly status: TrainedModelStatus | undefined;
  /** Of another version than the spec is now. */
  readonly outdated: boolean;
}

export function toldOf(model: TrainedModel): Told {
  const status = model.status as TrainedModelStatus | undefined;
  return { condition: conditionOf(status, MODEL_LOADED), status, outdated: hasOutdatedStatus(model) };
}

/** From the agent to the URL, as the manager has heard of it. */
export function loadingSteps(model: TrainedModel, told: Told, service: InferenceService | undefined): Step[] {
  const { condition } = told;
  return [
    ['status-current', () => judgeTold(told)],
    [
      'agent-reachable',
      () => stands(condition, 'the agents answer', (reason) => reason === 'AgentNotReachable'),
    ],
    [
      'agent-has-config',
      () => stands(condition, 'the agents know of it', (reason) => ON_ITS_WAY.has(reason)),
    ],
    ['model-downloaded', () => stands(condition, 'it is downloaded', isDownload)],
    ['model-loaded', () => judgeLoaded(condition, model, service)],
    ['inference-service-ready', () => judgeServiceReady(told, service)],
    ['has-url', () => judgeUrl(model, told)],
  ];
}

function judgeTold({ condition, outdated }: Told): Verdict {
  if (condition === undefined)
    return unknown(
      `the TrainedModel has no condition ${MODEL_LOADED}: it is not reported whether it is loaded`,
    );
  return outdated
    ? broken('the status speaks of an earlier version of the TrainedModel')
    : ok(textOf(condition));
}

const ON_ITS_WAY: ReadonlySet<string> = new Set(['Queued']);
/** Without the right to read pods, the manager's word on them is the only source. */
const NOBODY_RUNS = 'NoReplicas';

function stands(
  condition: Condition | undefined,
  fine: string,
  isHere: (reason: string, condition: Condition) => boolean,
): Verdict {
  if (condition === undefined) return unknown(UNTOLD);
  if (condition.reason === NOBODY_RUNS) return unknown(textOf(condition));
  if (condition.status === 'True' || !isHere(condition.reason ?? '', condition)) return ok(fine);
  return broken(textOf(condition));
}

const UNTOLD = 'it has not been reported';

/** What an agent gives as reason when the model server would not have a model, or has no room: src/agent/model-server/v2.ts. */
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

function judgeLoaded(
  condition: Condition | undefined,
  model: TrainedModel,
  service: InferenceService | undefined,
): Verdict {
  if (condition === undefined) return unknown(UNTOLD);
  if (condition.status === 'True') return ok(textOf(condition));
  return condition.reason === NOBODY_RUNS
    ? broken(textOf(condition), 'have somebody who may read pods look for those of the InferenceService')
    : broken(textOf(condition), adviceOnRefusal(condition.message ?? '', model, service));
}

/** The InferenceService's own conditions say more than the model's, which say only that it is not ready. */
function judgeServiceReady({ status }: Told, service: InferenceService | undefined): Verdict {
  const condition = conditionOf(status, 'InferenceServiceReady');
  if (condition === undefined) return unknown('the readiness of the InferenceService has not been reported');
  if (condition.status === 'True') return ok('the InferenceService is ready');
  const own = judgeReady(service);
  return own.outcome === 'broken' ? own : broken(textOf(condition));
}

function judgeUrl({ metadata }: TrainedModel, { status }: Told): Verdict {
  const url = status?.url ?? status?.address?.url;
  return url === undefined
    ? unknown(`no URL is known for ${metadata.name}: the InferenceService has none`)
    : ok(url);
}

function textOf({ reason = '', message = '' }: Condition): string {
  return [reason, message].filter((text) => text !== '').join(': ');
}
