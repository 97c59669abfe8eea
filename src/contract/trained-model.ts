import type { KubernetesObject } from './kubernetes.ts';
import { shortened } from './cause-text.ts';
import type { ModelConfigEntry } from './model-config.ts';
import { LONGEST_STORAGE_URI } from './storage-uri.ts';
import { LONGEST_QUANTITY, parseQuantity, toBytes } from '../lib/quantity.ts';
import type { Bytes } from '../lib/quantity.ts';

/**
 * `serving.kserve.io/v1alpha1`. Field types are unknown: a CRD without a schema, or another writer, may store anything.
 */
export interface TrainedModel extends KubernetesObject {
  readonly spec?: {
    readonly inferenceService?: unknown;
    readonly model?: {
      readonly storageUri?: unknown;
      readonly framework?: unknown;
      /** A quantity; Kubernetes also accepts a number. */
      readonly memory?: unknown;
    };
  };
  /** See trained-model-status.ts. */
  readonly status?: unknown;
}

/** The label with which KServe's controller marks a model that has its memory. */
export const ALLOCATED_LABEL = 'serving.kserve.io/trainedmodel-allocated';

/** The name rule of KServe's validating webhook: the name becomes a directory and part of a URL. */
export const MODEL_NAME = /^[a-zA-Z0-9_-]+$/;

/** The InferenceService that a model names, in the model's own namespace; undefined when the field is not a name. */
export function inferenceServiceOf(model: TrainedModel): string | undefined {
  const name = model.spec?.inferenceService;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** Length limits of a TrainedModel's fields: without a webhook a tenant may write 1.4 MiB. */
export const LONGEST = {
  storageUri: LONGEST_STORAGE_URI,
  framework: 253,
  inferenceService: 512,
  memory: LONGEST_QUANTITY,
};
/** Characters of an invalid value that a message quotes. */
const QUOTED = 300;

/** A DNS subdomain, as every InferenceService's name is (RFC 1123). */
const INFERENCE_SERVICE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Whether an InferenceService of this name can exist. */
export function canBeInferenceService(name: string): boolean {
  return INFERENCE_SERVICE_NAME.test(name);
}

/** The message for a model whose InferenceService does not exist: that it waits, or that waiting will not help. */
export function describeAbsence(name: string): string {
  const shown = shortened(name, QUOTED);
  const [namespace = '', own = '', ...more] = name.split('/', 3);
  if (own !== '' && more.length === 0 && canBeInferenceService(namespace) && canBeInferenceService(own))
    return (
      `spec.inferenceService is "${shown}", but a model is served by an InferenceService of its own namespace, named without ` +
      `it: write "${own}", or create the model in namespace ${namespace}`
    );
  if (!canBeInferenceService(name))
    return (
      `spec.inferenceService is "${shown}", which no InferenceService can be named: a name has lower-case letters, digits, "-" ` +
      'and ".", and begins and ends with a letter or digit'
    );
  return `there is no InferenceService ${name} in this namespace yet; the model waits for it`;
}

type TrainedModelReading =
  | { readonly kind: 'usable'; readonly entry: ModelConfigEntry; readonly memory: Bytes }
  | { readonly kind: 'unusable'; readonly reason: 'InvalidName' | 'InvalidSpec'; readonly message: string };

/** What a TrainedModel asks for, or why it cannot be served. */
export function readTrainedModel(model: TrainedModel): TrainedModelReading {
  const { name } = model.metadata;
  if (!MODEL_NAME.test(name)) {
    return unusable('InvalidName', `the name ${name} may hold only letters, digits, "-" and "_"`);
  }
  const { storageUri, framework, memory } = model.spec?.model ?? {};
  if (typeof storageUri !== 'string' || storageUri === '') return missing('storageUri');
  if (typeof framework !== 'string' || framework === '') return missing('framework');
  if (typeof memory !== 'string' && typeof memory !== 'number') return missing('memory');
  if (storageUri.length > LONGEST.storageUri) return tooLong('storageUri');
  if (framework.length > LONGEST.framework) return tooLong('framework');
  const quantity = parseQuantity(memory);
  if (quantity === undefined || quantity.nano < 0n) {
    return unusable(
      'InvalidSpec',
      `spec.model.memory is ${shortened(String(memory), QUOTED)}; it must be a quantity such as 256Mi, not negative`,
    );
  }
  return {
    kind: 'usable',
    entry: { modelName: name, modelSpec: { storageUri, framework, memory: String(memory) } },
    memory: toBytes(quantity),
  };
}

function unusable(reason: 'InvalidName' | 'InvalidSpec', message: string): TrainedModelReading {
  return { kind: 'unusable', reason, message };
}

function missing(field: string): TrainedModelReading {
  return unusable('InvalidSpec', `spec.model.${field} is missing or of the wrong type`);
}

function tooLong(field: 'storageUri' | 'framework'): TrainedModelReading {
  return unusable('InvalidSpec', `spec.model.${field} is longer than ${LONGEST[field]} characters`);
}
