import { implementationOf, isCustomPredictor } from './inference-service.ts';
import type { InferenceService, Predictor } from './inference-service.ts';
import { isRecord } from '../lib/json.ts';
import { CONTAINERS } from './names.ts';

/**
 * The URL and address of a model, as KServe writes them: the URL of its InferenceService and the path of its protocol.
 * Empty while the InferenceService has no URL. Source: KServe v0.17, trainedmodel/controller.go updateStatus,
 * constants.PredictPath.
 */
export function urlsOf(
  model: string,
  { spec, status }: InferenceService,
): { readonly url?: string; readonly address?: { readonly url: string } } {
  const path = predictPath(model, protocolOf(spec?.predictor));
  const url = status?.url;
  const address = status?.address?.url;
  return {
    ...(typeof url === 'string' && url !== '' && { url: `${url}${path}` }),
    ...(typeof address === 'string' && address !== '' && { address: { url: `${address}${path}` } }),
  };
}

/** The path of a protocol, `v1` or `v2`. Empty for gRPC, for which KServe has none. */
export function predictPath(model: string, protocol: string): string {
  if (protocol === 'v1') return `/v1/models/${model}:predict`;
  return protocol === 'v2' ? `/v2/models/${model}/infer` : '';
}

/** The frameworks whose servers speak V2 by default. */
const V2_BY_DEFAULT: ReadonlySet<string> = new Set(['triton', 'huggingface']);

/** `v1`, `v2`, `grpc-v2` or any other value of the predictor; KServe's default when it is not set. */
export function protocolOf(predictor: Predictor | undefined): string {
  if (!isRecord(predictor)) return 'v1';
  if (isCustomPredictor(predictor)) return protocolOfContainers(predictor) ?? 'v1';
  const found = implementationOf(predictor);
  const version: unknown = found?.implementation.protocolVersion;
  if (typeof version === 'string' && version !== '') return version;
  return found !== undefined && V2_BY_DEFAULT.has(found.field) ? 'v2' : 'v1';
}

function protocolOfContainers({ containers = [] }: Predictor): string | undefined {
  const transformer = containers.find(
    (container) => isRecord(container) && container.name === CONTAINERS.transformer,
  );
  const env: unknown = (transformer ?? containers[0])?.env;
  const variables = Array.isArray(env) ? env.filter(isRecord) : [];
  const value = variables.find(({ name }) => name === 'PROTOCOL')?.['value'];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
