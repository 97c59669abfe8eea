import type { InferenceService } from '../../contract/inference-service.ts';
import { isAtHand, replicasIn } from '../../contract/model-loaded.ts';
import type { WaitingModel } from '../../contract/model-config-plan.ts';
import { urlsOf } from '../../contract/model-url.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { inferenceServiceOf, readTrainedModel } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { conditionOf, hasOutdatedStatus, MODEL_LOADED } from '../../contract/trained-model-status.ts';
import type { Condition, TrainedModelStatus } from '../../contract/trained-model-status.ts';

/** One TrainedModel as a person wants to see it. */
export interface ModelOverview {
  readonly namespace: string;
  readonly name: string;
  /** Undefined where the field holds no name. */
  readonly inferenceService: string | undefined;
  readonly ready: Condition['status'];
  /** `Loaded`, `Standby`, `Failed`, `Downloading`, …, or why it waits: the reason of ModelLoaded. */
  readonly phase: string;
  /** Empty when there is nothing to say. */
  readonly message: string;
  readonly replicas: { readonly loaded: number; readonly total: number };
  /** Declared; undefined where it is no quantity. */
  readonly memory: Bytes | undefined;
  readonly url: string | undefined;
  /** RFC 3339. */
  readonly created: string | undefined;
  /** Since when it is loaded, or is not. RFC 3339. */
  readonly since: string | undefined;
}

/** What is known of a TrainedModel's surroundings. */
interface ModelSurroundings {
  readonly inferenceService: InferenceService | undefined;
  /** Why it is in no models.json, by the plan of it. */
  readonly waiting: WaitingModel | undefined;
  /** Its predictor's ready pods. */
  readonly readyPods: number;
}

/** From its conditions if they describe its current spec, else from the plan. */
export function modelOverview(
  model: TrainedModel,
  { inferenceService, waiting, readyPods }: ModelSurroundings,
): ModelOverview {
  const status = statusOfModel(model);
  const reading = readTrainedModel(model);
  const { name, namespace = '', creationTimestamp } = model.metadata;
  const loaded = conditionOf(status, MODEL_LOADED);
  const [phase, message] = phaseOf(model, status, waiting);
  const isLoaded = isAtHand(phase) && loaded?.status === 'True';
  const reported = phase === loaded?.reason ? replicasIn(loaded.message) : undefined;
  return {
    namespace,
    name,
    inferenceService: inferenceServiceOf(model),
    ready: hasOutdatedStatus(model) ? 'Unknown' : (conditionOf(status, 'Ready')?.status ?? 'Unknown'),
    phase,
    message,
    replicas: isLoaded
      ? { loaded: readyPods, total: readyPods }
      : (reported ?? { loaded: 0, total: readyPods }),
    memory: reading.kind === 'usable' ? reading.memory : undefined,
    url:
      status.url ??
      (waiting === undefined && inferenceService ? urlsOf(name, inferenceService).url : undefined),
    created: creationTimestamp,
    since: loaded?.lastTransitionTime,
  };
}

function phaseOf(
  model: TrainedModel,
  status: TrainedModelStatus,
  waiting: WaitingModel | undefined,
): readonly [phase: string, message: string] {
  if (model.metadata.deletionTimestamp !== undefined) return ['Terminating', 'it is being deleted'];
  const loaded = conditionOf(status, MODEL_LOADED);
  const isNew = loaded === undefined || hasOutdatedStatus(model);
  if (!isNew) return [loaded.reason ?? loaded.status, loaded.status === 'True' ? '' : (loaded.message ?? '')];
  if (waiting !== undefined) return [waiting.reason, waiting.message];
  return loaded === undefined
    ? ['Unknown', 'no manager has written a ModelLoaded condition yet']
    : ['Pending', 'the manager has not yet processed its latest spec'];
}

/** The status as its writer means it. */
export function statusOfModel({ status }: TrainedModel): TrainedModelStatus {
  return status ?? {};
}

const ON_ITS_WAY: ReadonlySet<string> = new Set([
  ...[
    'Queued',
    'Downloading',
    'Loading',
    'Pending',
    'Unknown',
    'Terminating',
    'NoReplicas',
    'AgentNotReachable',
  ],
]);

/** Whether a phase is transient. */
export function isOnItsWay(phase: string): boolean {
  return ON_ITS_WAY.has(phase);
}
