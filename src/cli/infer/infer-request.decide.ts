import { inferenceTarget } from '../../contract/model-target.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import { predictPath, protocolOf } from '../../contract/model-url.ts';
import type { TrainedModelStatus } from '../../contract/trained-model-status.ts';

export type Protocol = 'v1' | 'v2';

/** By what the status says where a model is called; without one, by its InferenceService. Undefined for any other protocol. */
export function protocolFor(
  { url, address }: TrainedModelStatus,
  inferenceService: InferenceService | undefined,
): Protocol | undefined {
  for (const text of [url, address?.url]) {
    const verb =
      text !== undefined && URL.canParse(text) ? inferenceTarget(new URL(text).pathname)?.verb : undefined;
    if (verb === 'predict') return 'v1';
    if (verb === 'infer') return 'v2';
  }
  const protocol = protocolOf(inferenceService?.spec?.predictor);
  return protocol === 'v1' || protocol === 'v2' ? protocol : undefined;
}

/** The whole URL of a request: `given` as it is when it names an inference already, else with the model's path behind it. */
export function inferenceUrl(given: string, model: string, protocol: Protocol): string {
  const url = new URL(given);
  if (inferenceTarget(url.pathname) !== undefined) return url.href;
  return `${url.href.replace(/\/+$/, '')}${predictPath(model, protocol)}`;
}

/** What is wrong with the text of a request, or undefined; each protocol has a list that must be there. */
export function faultOfRequest(text: string, protocol: Protocol): string | undefined {
  let request: unknown;
  try {
    request = JSON.parse(text);
  } catch (thrown) {
    return text.trim() === '' ? 'it is empty' : `it is not JSON: ${(thrown as Error).message}`;
  }
  const fields = typeof request === 'object' && request !== null ? request : {};
  const [wanted, other] =
    protocol === 'v1' ? (['instances', 'inputs'] as const) : (['inputs', 'instances'] as const);
  if (wanted in fields || (protocol === 'v1' && 'inputs' in fields)) return undefined;
  const hint = other in fields ? `; with "${other}" it is of the other protocol, see --protocol` : '';
  return `the ${protocol} protocol wants an object with "${wanted}"${hint}`;
}
