import { isRecord } from '../lib/json.ts';
import type { KubernetesObject, OwnerReference } from './kubernetes.ts';
import { bytes, parseQuantity, toBytes } from '../lib/quantity.ts';
import type { Bytes } from '../lib/quantity.ts';
import { CONTAINERS, INFERENCE_SERVICE_API_VERSION, INFERENCE_SERVICE_KIND } from './names.ts';

/** `serving.kserve.io/v1beta1`, as far as multi-model serving reads it. The rest of the predictor is left unread. */
export interface InferenceService extends KubernetesObject {
  readonly spec?: { readonly predictor?: Predictor };
  readonly status?: InferenceServiceStatus;
}

/** What its controller says of it, as far as it is passed on to TrainedModels. Untrusted in every field. */
export interface InferenceServiceStatus {
  readonly url?: unknown;
  readonly address?: { readonly url?: unknown };
  readonly conditions?: readonly { readonly type?: unknown; readonly status?: unknown }[];
  readonly modelStatus?: unknown;
}

export interface Predictor {
  readonly containers?: readonly PredictorContainer[];
  /** KServe's several storage URIs for one predictor. */
  readonly storageUris?: readonly unknown[];
  readonly [implementation: string]: unknown;
}

interface PredictorContainer {
  readonly name?: string;
  readonly env?: readonly { readonly name?: string; readonly value?: string }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
}

/** One framework's block of a predictor, `model` included. */
interface Implementation {
  readonly modelFormat?: { readonly name?: unknown };
  readonly storageUri?: unknown;
  readonly storage?: unknown;
  readonly protocolVersion?: unknown;
  readonly resources?: PredictorContainer['resources'];
}

/**
 * The fields of a predictor that can hold its implementation, in the order in which KServe looks for them
 * (`PredictorSpec.GetImplementations`).
 */
export const IMPLEMENTATION_FIELDS = [
  'xgboost',
  'pytorch',
  'triton',
  'sklearn',
  'tensorflow',
  'onnx',
  'pmml',
  'lightgbm',
  'paddle',
  'huggingface',
  'model',
] as const;

export type ImplementationField = (typeof IMPLEMENTATION_FIELDS)[number];

/** The first implementation that is set, with the field it was found in. */
export function implementationOf(
  predictor: Predictor,
): { readonly field: ImplementationField; readonly implementation: Implementation } | undefined {
  for (const field of IMPLEMENTATION_FIELDS) {
    const value = Object.hasOwn(predictor, field) ? predictor[field] : undefined;
    if (isRecord(value)) return { field, implementation: value };
  }
  return undefined;
}

/** True for a predictor that brings its own containers; they stand before any framework. */
export function isCustomPredictor(predictor: Predictor): boolean {
  return Array.isArray(predictor.containers) && predictor.containers.length > 0;
}

/**
 * The memory limit of the predictor's model server: what the models of an InferenceService may add up to.
 * Undefined when no limit is set, or none that can be read.
 */
export function memoryLimitOf(inferenceService: InferenceService): Bytes | undefined {
  const predictor = inferenceService.spec?.predictor;
  if (!isRecord(predictor)) return undefined;
  const resources = isCustomPredictor(predictor)
    ? modelServerOf(predictor)?.resources
    : implementationOf(predictor)?.implementation.resources;
  const limit: unknown = resources?.limits?.['memory'];
  const quantity = typeof limit === 'string' || typeof limit === 'number' ? parseQuantity(limit) : undefined;
  if (quantity === undefined) return undefined;
  return quantity.nano < 0n ? bytes(0) : toBytes(quantity);
}

/** Containers may be junk: a CRD without a schema lets it through. */
function modelServerOf(predictor: Predictor): PredictorContainer | undefined {
  const containers = (predictor.containers ?? []).filter(isRecord) as PredictorContainer[];
  return containers.find(({ name }) => name === CONTAINERS.modelServer) ?? containers[0];
}

/** For what is made of an InferenceService: it is its controller, and takes what it owns along when it is deleted. */
export function ownerReferenceTo({ metadata: { name, uid = '' } }: InferenceService): OwnerReference {
  return {
    apiVersion: INFERENCE_SERVICE_API_VERSION,
    kind: INFERENCE_SERVICE_KIND,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
