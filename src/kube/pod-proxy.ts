import { errorFromResponse } from './api-error.ts';
import type { CallOptions, RawAnswer, Transport } from './transport.ts';
import { objectPath, PODS, SERVICES } from './resources.ts';

/** One request to a pod. */
interface PodRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** Path and query as the pod sees them. Begins with a slash. */
  readonly path: string;
  /** Makes it a POST with this JSON text. */
  readonly json?: string;
  /** A longer answer is refused. */
  readonly maxBytes: number;
}

/** One GET from a Service with TLS. Its certificate is not checked. */
interface ServiceRequest {
  readonly namespace: string;
  readonly service: string;
  /** The Service's port, not its pods'. */
  readonly port: number;
  readonly path: string;
  readonly maxBytes: number;
}

/** Sends requests to pods through the API server. Requires the right to `get` (for a POST: `create`) `pods/proxy`. */
export interface PodProxy {
  /**
   * The pod's answer, whatever its status.
   *
   * @throws {ApiError} if the API server does not pass it on: forbidden, no such pod, or nothing listens there
   */
  askPod(request: PodRequest, options?: CallOptions): Promise<RawAnswer>;
  /**
   * The same for a Service: the answer of any ready pod behind it. An API server calls a webhook in the same way.
   * Requires the right to `get` `services/proxy` of `https:<service>:<port>`.
   */
  askService(request: ServiceRequest, options?: CallOptions): Promise<RawAnswer>;
}

/**
 * https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
 */
export function podProxy(transport: Transport): PodProxy {
  return {
    async askPod({ namespace, pod, port, path, json, maxBytes }, options) {
      const proxy = objectPath(PODS, { namespace, name: `${pod}:${port}` }, 'proxy');
      const what = { path: `${proxy}${path}`, resource: PODS, maxBytes, ...options };
      const answer =
        json === undefined
          ? await transport.raw({ ...what, verb: 'get', method: 'GET' })
          : await transport.raw({ ...what, verb: 'create', method: 'POST', text: json });
      return passedOn(`ask pod ${namespace}/${pod}`, answer);
    },
    async askService({ namespace, service, port, path, maxBytes }, options) {
      const proxy = objectPath(SERVICES, { namespace, name: `https:${service}:${port}` }, 'proxy');
      const what = { path: `${proxy}${path}`, resource: SERVICES, maxBytes, ...options };
      const answer = await transport.raw({ ...what, verb: 'get', method: 'GET' });
      return passedOn(`ask service ${namespace}/${service}`, answer);
    },
  };
}

function passedOn(what: string, answer: RawAnswer): RawAnswer {
  if (isFromApiServer(answer)) throw errorFromResponse(what, answer.status, answer.text);
  return answer;
}

/** An error of the API server itself is a Status. A pod answers with anything else. */
function isFromApiServer({ status, text }: RawAnswer): boolean {
  if (status < 400) return false;
  try {
    const body = JSON.parse(text) as { kind?: unknown; apiVersion?: unknown } | null;
    return body?.kind === 'Status' && body.apiVersion === 'v1';
  } catch {
    return false;
  }
}
