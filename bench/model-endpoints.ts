import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server of small model files and a V2 model server that takes no time: what is left is the agent's. */
export interface ModelEndpoints {
  readonly files: string;
  readonly modelServerPort: number;
  /** When each model was loaded, in monotonic milliseconds. */
  readonly loads: ReadonlyMap<string, number>;
  forget(): void;
  close(): void;
}

/** @param modelServerPort KServe's agent knows one only: 8080. */
export async function startModelEndpoints(modelServerPort: number): Promise<ModelEndpoints> {
  const loads = new Map<string, number>();
  const files = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/octet-stream');
    response.end('weights');
  }).listen(0, '127.0.0.1');
  const models = createServer((request, response) => answer(loads, request, response));
  models.listen(modelServerPort, '127.0.0.1');
  await Promise.all([once(files, 'listening'), once(models, 'listening')]);
  return {
    files: `http://127.0.0.1:${(files.address() as AddressInfo).port}`,
    modelServerPort,
    loads,
    forget: () => loads.clear(),
    close: () => {
      for (const server of [files, models]) server.close().closeAllConnections();
    },
  };
}

function answer(loads: Map<string, number>, request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const path = request.url ?? '/';
  const [, load] = /^\/v2\/repository\/models\/([^/]+)\/load$/.exec(path) ?? [];
  if (load !== undefined) loads.set(load, performance.now());
  const [, ready] = /^\/v2\/models\/([^/]+)\/ready$/.exec(path) ?? [];
  const index = [...loads.keys()].map((name) => ({ name, state: 'READY' }));
  response.statusCode = ready !== undefined && !loads.has(ready) ? 404 : 200;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(path === '/v2/repository/index' ? index : {}));
}
