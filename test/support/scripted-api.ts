import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { createApiClient, type ApiClient } from '../../src/kube/api-client.ts';
import { systemClock } from '../../src/lib/system-clock.ts';

/** One answer to a list or a watch. */
export type Answer = (response: ServerResponse) => void;

/** An HTTP server for faults that a real API server cannot produce. */
export interface ScriptedApi {
  readonly client: ApiClient;
  /** Queries of the requests so far, in order. */
  readonly requests: URLSearchParams[];
  close(): Promise<void>;
}

/** Answers the n-th list with the n-th of `lists`, and watches likewise. The last answer of each repeats. */
export async function scriptedApi(script: { lists: Answer[]; watches: Answer[] }): Promise<ScriptedApi> {
  const requests: URLSearchParams[] = [];
  const counts = { lists: 0, watches: 0 };
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
    requests.push(query);
    // A request for the version alone is neither.
    if (query.get('limit') === '1') {
      json(list([], '999999'))(response);
      return;
    }
    const kind = query.has('watch') ? 'watches' : 'lists';
    const answers = script[kind];
    answers[Math.min(counts[kind], answers.length - 1)]!(response);
    counts[kind] += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const kubeConfig = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  const cluster = { name: 'scripted', server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
  kubeConfig.loadFromClusterAndUser(cluster, { name: 'test' });
  const client = createApiClient(kubeConfig, { clock: systemClock, userAgent: 'kserve-mms/test' });
  return {
    client,
    requests,
    close: async () => {
      await client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A complete answer. */
export function json(body: object | string, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** A watch that sends these lines and then stays open or ends. */
export function watch(lines: readonly (object | string)[], then: 'open' | 'end' = 'open'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const line of lines) response.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    if (then === 'end') response.end();
  };
}

export function configMap(name: string, resourceVersion: string, uid = name): object {
  return { metadata: { name, namespace: 'ns', uid, resourceVersion } };
}

export function list(items: readonly object[], resourceVersion: string, token?: string): object {
  return { kind: 'ConfigMapList', metadata: { resourceVersion, ...(token && { continue: token }) }, items };
}

export function expired(): object {
  return { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old' };
}
