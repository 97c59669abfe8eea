import type { WaitingReason } from '../../contract/model-config-plan.ts';
import type { ModelOverview } from '../status/model-overview.decide.ts';
import { isOnItsWay, modelOverview, statusOfModel } from '../status/model-overview.decide.ts';
import { isAtHand, withoutReplicas } from '../../contract/model-loaded.ts';
import { TRAINED_MODEL_API_VERSION } from '../../contract/names.ts';
import { readTrainedModel } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { conditionOf } from '../../contract/trained-model-status.ts';

/** The user's settings for a model to load; unset ones stay as they are. */
export interface LoadRequest {
  readonly namespace: string;
  readonly name: string;
  readonly inferenceService: string | undefined;
  readonly storageUri: string | undefined;
  readonly framework: string | undefined;
  readonly memory: string | undefined;
}

/** Their flags, for the message when they are missing. */
const FLAGS = {
  inferenceService: '--inference-service',
  storageUri: '--storage-uri',
  framework: '--framework',
  memory: '--memory',
} as const;

type LoadPlan =
  /** The fields to apply, all of them: server-side apply takes away what its manager no longer names. */
  | { readonly kind: 'apply'; readonly model: TrainedModel }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** The TrainedModel that a request comes to, beside the one that is there, if any. */
export function planLoad(request: LoadRequest, existing: TrainedModel | undefined): LoadPlan {
  const { namespace, name } = request;
  const stored = { inferenceService: existing?.spec?.inferenceService, ...existing?.spec?.model };
  const fields = {
    inferenceService: request.inferenceService ?? stored.inferenceService,
    storageUri: request.storageUri ?? stored.storageUri,
    framework: request.framework ?? stored.framework,
    memory: request.memory ?? stored.memory,
  };
  const missing = (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).filter((field) => !isGiven(fields[field]));
  if (missing.length > 0) {
    const why =
      existing === undefined ? `there is no TrainedModel ${name} yet` : `TrainedModel ${name} lacks it`;
    return { kind: 'faults', faults: missing.map((field) => `${FLAGS[field]} is needed: ${why}`) };
  }
  const { inferenceService, ...model } = fields;
  const wanted: TrainedModel = {
    ...{ apiVersion: TRAINED_MODEL_API_VERSION, kind: 'TrainedModel', metadata: { namespace, name } },
    spec: { inferenceService, model },
  };
  const reading = readTrainedModel(wanted);
  return reading.kind === 'usable'
    ? { kind: 'apply', model: wanted }
    : { kind: 'faults', faults: [reading.message] };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** How far a model has come. */
interface LoadProgress {
  /**
   * `stuck`: it failed, and is retried automatically; so is what waits for an InferenceService. `blocked`: nothing happens
   * until a person changes something.
   */
  readonly state: 'ready' | 'going' | 'stuck' | 'blocked' | 'gone';
  /** One line for people. */
  readonly line: string;
}

/** Why a model waits though all that it needs is there: its own fields, its InferenceService's, or the room in it. */
const FOR_PEOPLE: ReadonlySet<string> = new Set<WaitingReason>([
  ...([
    'InvalidName',
    'InvalidSpec',
    'IsNotMMSPredictor',
    'MemoryResourceNotAvailable',
    'ConfigMapFull',
  ] as const),
]);

/** @param model undefined once it is deleted */
export function loadProgress(model: TrainedModel | undefined): LoadProgress {
  if (model === undefined) return { state: 'gone', line: 'it was deleted' };
  const overview = modelOverview(model, { inferenceService: undefined, waiting: undefined, readyPods: 0 });
  if (overview.ready === 'True' && isAtHand(overview.phase)) return { state: 'ready', line: 'Ready' };
  if (isAtHand(overview.phase)) {
    const { reason = 'not Ready', message = '' } = conditionOf(statusOfModel(model), 'Ready') ?? {};
    return { state: 'going', line: line(`${overview.phase}, but ${reason}`, message) };
  }
  const state = isOnItsWay(overview.phase) ? 'going' : FOR_PEOPLE.has(overview.phase) ? 'blocked' : 'stuck';
  return { state, line: lineOf(overview) };
}

function lineOf({ phase, message, replicas }: ModelOverview): string {
  const counts = replicas.total > 0 ? ` (${replicas.loaded} of ${replicas.total} replicas)` : '';
  return line(`${phase}${counts}`, withoutReplicas(message));
}

function line(what: string, message: string): string {
  return message === '' ? what : `${what}: ${message}`;
}
