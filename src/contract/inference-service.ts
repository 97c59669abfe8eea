import { isRecord } from '../lib/json.ts';
import type { KubernetesObject, OwnerReference } from './kubernetes.ts';
import { bytes, parseQuantity, toBytes } from '../lib/quantity.ts';
import type { Bytes } from '../lib/quantity.ts';
import { CONTAINERS, INFERENCE_SERVICE_API_VERSION, INFERENCE_SERVICE_KIND } from './names.ts';

/** `serving.kserve.io/v1beta1`, the fields that multi-model serving needs. The rest of the predictor is not read. */
export interface InferenceService extends KubernetesObject {
  readonly spec?: { readonly predictor?: Predictor };
  readonly status?: InferenceServiceStatus;
}

/** The status that its controller reports, as far as TrainedModels repeat it. Untrusted in every field. */
export interface InferenceServiceStatus {
  readonly url?: unknown;
  readonly address?: { readonly url?: unknown };
  readonly conditions?: readonly { readonly type?: unknown; readonly status?: unknown }[];
  readonly modelStatus?: unknown;
}

export interface Predictor {
  readonly containers?: readonly PredictorContainer[];
  /** KServe's list of storage URIs for one predictor. */
  readonly storageUris?: readonly unknown[];
  readonly [implementation: string]: unknown;
}

interface PredictorContainer {
  readonly name?: string;
  readonly env?: readonly { readonly name?: string; readonly value?: string }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
}

/** A predictor's block for one framework, `model` included. */
interface Implementation {
  readonly modelFormat?: { readonly name?: unknown };
  readonly storageUri?: unknown;
  readonly storage?: unknown;
  readonly protocolVersion?: unknown;
  readonly resources?: PredictorContainer['resources'];
}

/**
 * The fields of a predictor that can hold its implementation, in KServe's order of lookup
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

/** The first implementation that is set, and its field. */
export function implementationOf(
  predictor: Predictor,
): { readonly field: ImplementationField; readonly implementation: Implementation } | undefined {
  for (const field of IMPLEMENTATION_FIELDS) {
    const value = Object.hasOwn(predictor, field) ? predictor[field] : undefined;
    if (isRecord(value)) return { field, implementation: value };
  }
  return undefined;
}

/** True for a predictor with its own containers. They take precedence over any framework. */
export function isCustomPredictor(predictor: Predictor): boolean {
  return Array.isArray(predictor.containers) && predictor.containers.length > 0;
}

/**
 * The memory limit of the predictor's model server, and so of all its models together. Undefined when no limit is set
 * or it cannot be read.
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

/** Containers may be malformed: a CRD without a schema accepts anything. */
function modelServerOf(predictor: Predictor): PredictorContainer | undefined {
  const containers = (predictor.containers ?? []).filter(isRecord) as PredictorContainer[];
  return containers.find(({ name }) => name === CONTAINERS.modelServer) ?? containers[0];
}

/** For objects made for an InferenceService: it is their controller, and they are deleted with it. */
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
