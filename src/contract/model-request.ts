import { implementationOf } from './inference-service.ts';
import type { ImplementationField, Predictor } from './inference-service.ts';
import { isRecord } from '../lib/json.ts';
import type { JsonObject } from '../lib/json.ts';

/** What a predictor asks of a runtime. */
export interface ModelRequest {
  readonly format: { readonly name: string; readonly version: string | undefined };
  /** The runtime that the user names; undefined for automatic selection. */
  readonly runtime: string | undefined;
  /** `v1`, `v2`, `grpc-v1` or `grpc-v2`; undefined when the user leaves it open. */
  readonly protocol: string | undefined;
  /** The tag that replaces the tag of the runtime's image. */
  readonly runtimeVersion: string | undefined;
  /** Fields of a container, merged over the runtime's. */
  readonly overrides: JsonObject;
}

/** Fields beside those of a container: `ModelSpec` and `PredictorExtensionSpec` of v1beta1. */
const OWN_FIELDS = new Set([
  'modelFormat',
  'runtime',
  'storageUri',
  'storage',
  'runtimeVersion',
  'protocolVersion',
]);

/** Formats that never supported v1: KServe's defaulting, `setPredictorModelDefaults`. */
const V2_BY_DEFAULT: ReadonlySet<ImplementationField> = new Set(['triton', 'onnx', 'huggingface']);

/**
 * The request in `predictor.model` or in an old-style field such as `predictor.sklearn`, whose name is the format.
 * Undefined when there is neither.
 */
export function modelRequestOf(predictor: Predictor): ModelRequest | undefined {
  const found = implementationOf(predictor);
  if (found === undefined) return undefined;
  const { field } = found;
  const fields = found.implementation as JsonObject;
  const format = fields['modelFormat'];
  const name = field === 'model' ? (isRecord(format) ? text(format['name']) : undefined) : field;
  const protocolByDefault = V2_BY_DEFAULT.has(field) || name === 'triton' ? 'v2' : undefined;
  return {
    format: {
      name: name ?? '',
      version: field === 'model' && isRecord(format) ? text(format['version']) : undefined,
    },
    runtime: field === 'model' ? text(fields['runtime']) : undefined,
    protocol: text(fields['protocolVersion']) ?? protocolByDefault,
    runtimeVersion: text(fields['runtimeVersion']),
    overrides: Object.fromEntries(Object.entries(fields).filter(([key]) => !OWN_FIELDS.has(key))),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
