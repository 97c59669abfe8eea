import { isDeepStrictEqual } from 'node:util';
import type { InferenceService } from './inference-service.ts';
import { describeMmsDecision, isMMSPredictor } from './mms-predictor.ts';
import { quoted } from '../lib/json.ts';
import { formatQuantity, isBeyondBytes, parseQuantity } from '../lib/quantity.ts';
import type { Quantity } from '../lib/quantity.ts';
import { storageUriFault } from './storage-uri.ts';
import { describeAbsence, inferenceServiceOf, MODEL_NAME } from './trained-model.ts';
import type { TrainedModel } from './trained-model.ts';
import type { WaitingModel } from './model-config-plan.ts';

/** One rule that a TrainedModel breaks. Codes are stable: audit annotations carry them. */
export interface AdmissionFault {
  readonly code:
    | 'InvalidName'
    | 'InvalidStorageUri'
    | 'InvalidMemory'
    | 'MemoryImmutable'
    | 'InvalidFramework'
    | 'InvalidInferenceService';
  /** One sentence for the user. Rules of KServe's webhook have its wording. */
  readonly message: string;
}

interface TrainedModelChange {
  readonly model: TrainedModel;
  /** The stored object; undefined on creation. */
  readonly previous: TrainedModel | undefined;
  /** KServe treats a model's memory as immutable. */
  readonly allowMemoryChanges: boolean;
}

/**
 * Every rule that the change breaks. A field that does not change is not checked: an object stored before the rules
 * existed must still lose its finalizer, gain a label, or be deleted. Source of the first rules: KServe v0.17,
 * pkg/apis/serving/v1alpha1/trainedmodel_webhook.go.
 */
export function faultsOf(change: TrainedModelChange): readonly AdmissionFault[] {
  const { model, previous } = change;
  if (isBeingDeleted(model) || isBeingDeleted(previous)) return [];
  const after = fieldsOf(model);
  const before = previous === undefined ? undefined : fieldsOf(previous);
  const differs = (field: keyof Fields): boolean =>
    before === undefined || !isDeepStrictEqual(before[field], after[field]);
  return [
    before === undefined ? nameFault(model.metadata.name) : undefined,
    differs('storageUri') ? uriFault(model.metadata.name, after.storageUri) : undefined,
    differs('memory') ? memoryFault(change, before, after) : undefined,
    differs('framework') ? textFault('InvalidFramework', 'spec.model.framework', after.framework) : undefined,
    differs('inferenceService')
      ? textFault('InvalidInferenceService', 'spec.inferenceService', after.inferenceService)
      : undefined,
  ].filter((fault) => fault !== undefined);
}

interface Fields {
  readonly storageUri: unknown;
  readonly memory: unknown;
  readonly framework: unknown;
  readonly inferenceService: unknown;
}

function fieldsOf({ spec }: TrainedModel): Fields {
  const { storageUri, memory, framework } = spec?.model ?? {};
  return { storageUri, memory, framework, inferenceService: spec?.inferenceService };
}

function isBeingDeleted(model: TrainedModel | undefined): boolean {
  return model?.metadata.deletionTimestamp !== undefined;
}

function nameFault(name: string): AdmissionFault | undefined {
  if (MODEL_NAME.test(name)) return undefined;
  const message =
    `the Trained Model "${name}" is invalid: a Trained Model name must consist of alphanumeric characters, '_', or '-'. ` +
    `(e.g. "my-Name" or "abc_123", regex used for validation is '${MODEL_NAME.source}')`;
  return { code: 'InvalidName', message };
}

function uriFault(name: string, uri: unknown): AdmissionFault | undefined {
  const fault = typeof uri === 'string' ? storageUriFault(uri) : 'It is missing or not a string.';
  if (fault === undefined) return undefined;
  return {
    code: 'InvalidStorageUri',
    message: `the Trained Model "${name}" storageUri field is invalid. ${fault}`,
  };
}

function memoryFault(
  { model, allowMemoryChanges }: TrainedModelChange,
  before: Fields | undefined,
  after: Fields,
): AdmissionFault | undefined {
  const { name } = model.metadata;
  const wanted = quantityOf(after.memory);
  if (wanted === undefined || wanted.nano <= 0n || isBeyondBytes(wanted)) {
    const message =
      `the Trained Model "${name}" memory field is invalid. It is ${quoted(after.memory)}; ` +
      'it must be a quantity of bytes above zero and below 8Ei, such as 256Mi: what the model takes of the memory limit of ' +
      'its predictor';
    return { code: 'InvalidMemory', message };
  }
  const had = quantityOf(before?.memory);
  if (allowMemoryChanges || had === undefined || had.nano === wanted.nano) return undefined;
  const message =
    `the Trained Model "${name}" memory field is immutable. The memory was "${formatQuantity(had)}" but it is updated to ` +
    `"${formatQuantity(wanted)}". Delete the TrainedModel and create it again, or run the manager with --allow-memory-changes`;
  return { code: 'MemoryImmutable', message };
}

function quantityOf(value: unknown): Quantity | undefined {
  return typeof value === 'string' || typeof value === 'number' ? parseQuantity(value) : undefined;
}

function textFault(
  code: 'InvalidFramework' | 'InvalidInferenceService',
  field: string,
  value: unknown,
): AdmissionFault | undefined {
  if (typeof value === 'string' && value !== '') return undefined;
  return { code, message: `${field} is ${quoted(value)}; it must be a name` };
}

/** The state around the model now. It may change before the model is served. */
export interface Surroundings {
  readonly inferenceService: InferenceService | undefined;
  /** Why the model would wait if it were stored now; undefined when it would be placed. */
  readonly waiting: WaitingModel | undefined;
  /** Warnings about the InferenceService itself. */
  readonly remarks: readonly string[];
}

/** Warnings for the user. The model is admitted, since it may become valid without a change. */
export function warningsOf(
  model: TrainedModel,
  { inferenceService, waiting, remarks }: Surroundings,
): readonly string[] {
  if (isBeingDeleted(model)) return [];
  const name = inferenceServiceOf(model) ?? '';
  if (inferenceService === undefined) {
    return [describeAbsence(name)];
  }
  const mms = isMMSPredictor(inferenceService.spec?.predictor);
  if (!mms.isMms) {
    return [`InferenceService ${name} is not multi-model, the model waits: ${describeMmsDecision(mms)}`];
  }
  const waits = waiting === undefined ? [] : [`the model will wait (${waiting.reason}): ${waiting.message}`];
  return [...waits, ...remarks.map((remark) => `InferenceService ${name}: ${remark}`)];
}
