import { shortened } from '../contract/cause-text.ts';
import { isRecord, recordsIn } from '../lib/json.ts';
import type { ConditionRow, ModelPage, ModelRow, ModelState } from './page-documents.decide.ts';
import { ROW_MESSAGE } from './page-documents.decide.ts';
import { shownStorageUri } from '../contract/storage-uri.ts';
import { hasOutdatedStatus, MODEL_LOADED } from '../contract/trained-model-status.ts';
import { readTrainedModel } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';

/** Longer texts are useless, and one object must not fill an answer. */
const LONGEST = 4096;

/** The state of a model, from its stored status. */
interface ModelStanding {
  readonly state: ModelState;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
}

/**
 * Reasons of ModelLoaded that are neither trouble nor final. All others that are not True mean that the model waits.
 */
const STATES: ReadonlyMap<string, ModelState> = new Map([
  ['Failed', 'Failed'],
  ['AgentNotReachable', 'Unreachable'],
  ['Queued', 'OnTheWay'],
  ['Downloading', 'OnTheWay'],
  ['Loading', 'OnTheWay'],
]);

/**
 * Never throws, whatever the status contains: other writers, and CustomResourceDefinitions without a schema, may store
 * anything.
 */
export function standingOf(model: TrainedModel): ModelStanding {
  const { deletionTimestamp } = model.metadata;
  if (deletionTimestamp !== undefined) {
    const message = 'it is being deleted';
    return { state: 'OnTheWay', reason: 'Deleting', message, since: deletionTimestamp };
  }
  const { conditions } = statusOf(model);
  const loaded = conditions.find(({ type }) => type === MODEL_LOADED);
  if (loaded === undefined) return { state: 'Unknown', reason: '', message: NOT_TOLD, since: '' };
  const { status, reason, message, since } = conditionOf(loaded);
  if (hasOutdatedStatus(model)) {
    return { state: 'OnTheWay', reason: 'Updating', message: OUTDATED, since };
  }
  const settled = status === 'True';
  const state = settled ? (reason === 'Standby' ? 'Standby' : 'Loaded') : (STATES.get(reason) ?? 'Waiting');
  return { state, reason, message: settled ? '' : message, since };
}

const NOT_TOLD = 'its status has no condition ModelLoaded yet';
const OUTDATED = 'its status is of the version before the last change';

/** One row of a list. */
export function modelRowOf(model: TrainedModel): ModelRow {
  const { message, ...standing } = standingOf(model);
  return { ...standing, message: shortened(message, ROW_MESSAGE), ...factsOf(model) };
}

/** The parts of a model's page that its object has. */
export function modelPageOf(model: TrainedModel): Omit<ModelPage, 'advice' | 'replicas'> {
  const { conditions, url } = statusOf(model);
  return {
    ...{ ...standingOf(model), ...factsOf(model) },
    ...{ url: textOf(url), conditions: conditions.map(conditionOf) },
    created: model.metadata.creationTimestamp ?? '',
  };
}

function factsOf(model: TrainedModel): Pick<ModelRow, 'name' | 'framework' | 'memory' | 'storageUri'> {
  const { storageUri, framework } = model.spec?.model ?? {};
  const reading = readTrainedModel(model);
  return {
    name: model.metadata.name,
    framework: textOf(framework),
    memory: reading.kind === 'usable' ? Number(reading.memory) : null,
    storageUri: shownStorageUri(textOf(storageUri)),
  };
}

/** Its parts, still untrusted: with thousands of models, only a few conditions are read. */
function statusOf({ status }: TrainedModel): {
  readonly conditions: readonly Readonly<Record<string, unknown>>[];
  readonly url: unknown;
} {
  const { conditions, url } = isRecord(status) ? status : {};
  return { conditions: recordsIn(conditions), url };
}

/** A condition of untrusted JSON. */
export function conditionOf(condition: Readonly<Record<string, unknown>>): ConditionRow {
  return {
    type: textOf(condition['type']),
    status: textOf(condition['status']),
    reason: textOf(condition['reason']),
    message: textOf(condition['message']),
    since: textOf(condition['lastTransitionTime']),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? shortened(value, LONGEST) : '';
}
