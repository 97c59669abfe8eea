import { conditionOf, MODEL_LOADED } from '../../contract/trained-model-status.ts';
import { isAtHand } from '../../contract/model-loaded.ts';
import type { TrainedModelStatus } from '../../contract/trained-model-status.ts';

/** An event for users, shown by `kubectl describe`. */
export interface ModelEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason:
    | 'Scheduled'
    | 'Downloading'
    | 'Loaded'
    | 'Failed'
    | 'Unloaded'
    | 'MemoryExceeded'
    /** On the InferenceService. */
    | 'ResidencyNotUnderstood';
  readonly message: string;
}

/** Reasons of ModelLoaded for a model that is in no models.json. */
const WAITING: ReadonlySet<string> = new Set([
  'InferenceServiceNotFound',
  'IsNotMMSPredictor',
  'MemoryResourceNotAvailable',
  'InvalidName',
  'InvalidSpec',
  'ConfigMapFull',
  'ConfigMapNotWritten',
]);

/** The events between two written statuses, in order. */
export function eventsBetween(
  before: TrainedModelStatus | undefined,
  after: TrainedModelStatus,
  inferenceService: string,
): readonly ModelEvent[] {
  const was = conditionOf(before, MODEL_LOADED);
  const is = conditionOf(after, MODEL_LOADED);
  if (is === undefined || (was?.reason === is.reason && was?.message === is.message)) return [];
  const reason = is.reason ?? '';
  const message = is.message ?? '';
  const events: ModelEvent[] = [];
  const waits = WAITING.has(reason);
  const waited = was === undefined || WAITING.has(was.reason ?? '');
  if (waited && !waits) {
    events.push({
      type: 'Normal',
      reason: 'Scheduled',
      message: `to the predictor of InferenceService ${inferenceService}`,
    });
  }
  if (waits && was?.status === 'True') events.push({ type: 'Normal', reason: 'Unloaded', message });
  if (reason === was?.reason && reason !== 'Failed') return events;
  if (reason === 'Downloading') events.push({ type: 'Normal', reason: 'Downloading', message });
  const isNew = is.status === 'True' && !(was?.status === 'True' && isAtHand(was.reason));
  if (isNew && isAtHand(reason)) events.push({ type: 'Normal', reason: 'Loaded', message });
  if (reason === 'Failed') events.push({ type: 'Warning', reason: 'Failed', message });
  if (reason === 'MemoryResourceNotAvailable') {
    events.push({ type: 'Warning', reason: 'MemoryExceeded', message });
  }
  return events;
}
