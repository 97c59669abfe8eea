import { errorFromResponse } from './api-error.ts';
import type { CallOptions, RawAnswer, Transport } from './transport.ts';
import { objectPath, PODS, SERVICES } from './resources.ts';

/** One request to a pod. */
interface PodRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** Path and query, as the pod is to see them; begins with a slash. */
  readonly path: string;
  /** Makes it a POST of this JSON text. */
  readonly json?: string;
  /** A longer answer is refused. */
  readonly maxBytes: number;
}

/** One GET from a Service that speaks TLS. Whose certificate it has is not looked at. */
interface ServiceRequest {
  readonly namespace: string;
  readonly service: string;
  /** Of the Service, not of its pods. */
  readonly port: number;
  readonly path: string;
  readonly maxBytes: number;
}

/** Asks a pod by way of the API server, which needs the right to `get` (a POST: `create`) `pods/proxy`. */
export interface PodProxy {
  /**
   * The pod's answer, whatever its status.
   *
   * @throws {ApiError} when the API server does not pass it on: forbidden, no such pod, or nothing that listens there
   */
  askPod(request: PodRequest, options?: CallOptions): Promise<RawAnswer>;
  /**
   * The same of one of the pods behind a Service, whichever is ready: the way that an API server's calls of a webhook take.
   * Needs the right to `get` `services/proxy` of `https:<service>:<port>`.
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

/** The API server speaks for itself with a Status, where a pod answers with anything else. */
function isFromApiServer({ status, text }: RawAnswer): boolean {
  if (status < 400) return false;
  try {
    const body = JSON.parse(text) as { kind?: unknown; apiVersion?: unknown } | null;
    return body?.kind === 'Status' && body.apiVersion === 'v1';
  } catch {
    return false;
  }
}
