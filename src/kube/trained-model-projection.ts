import { isLongJson, isRecord, recordOf } from '../lib/json.ts';
import { FOLD_ANNOTATIONS, RESIDENCY_ANNOTATIONS } from '../contract/names.ts';
import { LONGEST } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { createTextPool } from '../lib/text-pool.ts';

/** Far more than the reasons and messages in use. Texts that change every second are dropped after a while. */
const TEXTS = 4096;

/** The most characters of all unread fields, and of the status. What we write into it is always shorter. */
const LONGEST_REST = 16 * 1024;
const LONGEST_STATUS = 64 * 1024;

/**
 * What the cache keeps of TrainedModels: everything but annotations that are never read, such as kubectl's copy of the
 * whole object. Texts that many of them have in common are stored once. Texts that are too long are cut to a length
 * that is still too long. Fields that are far too long are dropped. Changes the object, which is not shared yet.
 */
export function createTrainedModelProjection(): (model: TrainedModel) => TrainedModel {
  const share = createTextPool(TEXTS);
  return (model) => {
    keepAnnotations(model.metadata, share);
    cutText(model.spec, 'inferenceService');
    for (const field of ['storageUri', 'framework', 'memory'] as const) cutText(model.spec?.model, field);
    leaveOutLong(model);
    shareTexts(model.metadata, ['namespace', 'creationTimestamp'], share);
    shareTexts(model.spec, ['inferenceService'], share);
    shareTexts(model.spec?.model, ['framework', 'memory'], share);
    const conditions = isRecord(model.status) ? model.status['conditions'] : undefined;
    if (Array.isArray(conditions)) for (const condition of conditions) shareAll(condition, share);
    return model;
  };
}

/**
 * Both are names or shorter. A longer text counts as empty: it is neither `always` nor the name of an InferenceService.
 */
const LONGEST_ANNOTATION = 253;
const KEPT = [RESIDENCY_ANNOTATIONS.residency, FOLD_ANNOTATIONS.replaces] as const;

function leaveOutLong(model: TrainedModel): void {
  const { spec, status, metadata } = model as Record<keyof TrainedModel, unknown>;
  leaveOutWhere(metadata, (_name, value) => isLongJson(value, LONGEST_REST));
  leaveOutWhere(spec, (name, value) => name !== 'model' && isLongJson(value, LONGEST_REST));
  leaveOutWhere(recordOf(spec)['model'], (_name, value) => isLongJson(value, LONGEST_REST));
  const own = new Set(['metadata', 'spec', 'status']);
  leaveOutWhere(model, (name, value) => !own.has(name) && isLongJson(value, LONGEST_REST));
  if (isLongJson(status, LONGEST_STATUS)) delete (model as { status?: unknown }).status;
}

function leaveOutWhere(record: unknown, isToo: (name: string, value: unknown) => boolean): void {
  if (!isRecord(record)) return;
  for (const [name, value] of Object.entries(record)) {
    if (isToo(name, value)) Reflect.deleteProperty(record, name);
  }
}

function keepAnnotations(
  metadata: { annotations?: Readonly<Record<string, string>> },
  share: (text: string) => string,
): void {
  const { annotations } = metadata;
  const kept = KEPT.flatMap((name) => {
    const value = annotations?.[name];
    return value === undefined
      ? []
      : [[name, share(value.length <= LONGEST_ANNOTATION ? value : '')] as const];
  });
  if (kept.length === 0) delete metadata.annotations;
  else metadata.annotations = Object.fromEntries(kept);
}

function cutText(record: unknown, field: keyof typeof LONGEST): void {
  if (!isRecord(record)) return;
  const value = record[field];
  if (typeof value !== 'string' || value.length <= LONGEST[field]) return;
  // A copy: a slice of a string keeps the whole string in memory.
  record[field] = Buffer.from(value.slice(0, LONGEST[field] + 1)).toString();
}

function shareAll(record: unknown, share: (text: string) => string): void {
  if (isRecord(record)) shareTexts(record, Object.keys(record), share);
}

function shareTexts(record: unknown, fields: readonly string[], share: (text: string) => string): void {
  if (!isRecord(record)) return;
  for (const field of fields) {
    const value = record[field];
    if (typeof value === 'string') record[field] = share(value);
  }
}
