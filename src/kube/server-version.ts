import { isRecord } from '../lib/json.ts';
import type { CallOptions, Transport } from './transport.ts';
import { ApiError } from './api-error.ts';
import type { Resource } from './resources.ts';

/** Not an object of the API, but counted as one. */
const VERSION: Resource = { group: '', version: '', plural: 'version', kind: 'Info', namespaced: false };

/** The Kubernetes version of the API server. Every user may read it. */
export interface ServerVersions {
  /** `v1.36.3`, or a provider's variant, such as `v1.30.14-gke.1000`. */
  serverVersion(options?: CallOptions): Promise<string>;
}

/** Source: https://kubernetes.io/docs/reference/using-api/, `version.Info` of k8s.io/apimachinery. */
export function serverVersions(transport: Transport): ServerVersions {
  return {
    async serverVersion(options) {
      const what = { verb: 'get', method: 'GET', resource: VERSION, path: '/version', ...options } as const;
      const answer = await transport.json(what);
      if (isRecord(answer) && typeof answer['gitVersion'] === 'string') return answer['gitVersion'];
      throw new ApiError('get /version: the answer names no version', { code: 'API_BAD_RESPONSE' });
    },
  };
}
