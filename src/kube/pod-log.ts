import type { CallOptions, Transport } from './transport.ts';
import { errorFromResponse } from './api-error.ts';
import { objectPath, PODS } from './resources.ts';

/** The end of a container's log. */
interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly lines: number;
  readonly maxBytes: number;
}

/** Logs of containers. Requires the right to `get` `pods/log`. */
export interface PodLogs {
  /** @throws {ApiError} if it is not available: forbidden, no such container, or no node that has it */
  readLog(request: PodLogRequest, options?: CallOptions): Promise<string>;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/, read log of the specified Pod */
export function podLogs(transport: Transport): PodLogs {
  return {
    async readLog({ namespace, pod, container, lines, maxBytes }, options) {
      const query = new URLSearchParams({
        ...{ container, tailLines: String(lines), limitBytes: String(maxBytes) },
      });
      const path = `${objectPath(PODS, { namespace, name: pod }, 'log')}?${query.toString()}`;
      const what = { verb: 'get', method: 'GET', resource: PODS, path, ...options } as const;
      const { status, text } = await transport.raw({ ...what, maxBytes: maxBytes + 1024 });
      if (status < 300) return text;
      throw errorFromResponse(`read the log of ${namespace}/${pod}`, status, text);
    },
  };
}
