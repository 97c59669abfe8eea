import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A test's answer to a load: a status, a delay, or undefined for the normal behaviour. */
export type LoadBehaviour = (name: string) => Promise<{ status: number; error: string } | undefined>;

export interface LoadRecord {
  readonly name: string;
  /** The content of the model's `weights.txt`. */
  readonly content: string | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** A V2 model server that records what the agent did and can be made to fail. */
export interface V2Server {
  readonly port: number;
  readonly loads: LoadRecord[];
  readonly unloads: string[];
  /** The maximal number of concurrent loads and unloads of one model. */
  readonly mostAtOnce: () => number;
  readonly loaded: ReadonlyMap<string, string | undefined>;
  behave: LoadBehaviour;
  /** The answer of the paths below /v2/health/: 200, or 503 for a process that listens but is not live. */
  health: number;
  /** Ends like a killed process: connections break, and all state is lost. */
  crash(): Promise<void>;
  /** Listens again on the same port, with nothing loaded. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A model whose weights are an object answers with its fields; any other, with its content. */
export function answerOf(name: string, content: string | undefined): object {
  return { model_name: name, ...(content?.startsWith('{') ? (JSON.parse(content) as object) : { content }) };
}

/** Starts it on a free port; it reads `<modelDir>/<name>/weights.txt` when it loads a model. */
export async function startV2Server(modelDir: string): Promise<V2Server> {
  const loaded = new Map<string, string | undefined>();
  const running = new Map<string, number>();
  let most = 0;
  let server: Server;
  const begin = (name: string) => {
    const count = (running.get(name) ?? 0) + 1;
    running.set(name, count);
    most = Math.max(most, count);
  };
  const end = (name: string) => running.set(name, (running.get(name) ?? 1) - 1);

  const load = async (name: string): Promise<[number, object]> => {
    const directory = join(modelDir, name);
    const files = await readdir(directory).catch(() => undefined);
    const content = await readFile(join(directory, 'weights.txt'), 'utf8').catch(() => undefined);
    self.loads.push({ name, content, at: performance.now() });
    const failure = await self.behave(name);
    if (failure !== undefined) return [failure.status, { error: failure.error }];
    if (files === undefined) return [404, { error: `${name} not found` }];
    loaded.set(name, content);
    return [200, {}];
  };
  const change = async (name: string, action: string): Promise<[number, object]> => {
    begin(name);
    try {
      if (action === 'load') return await load(name);
      self.unloads.push(name);
      return loaded.delete(name) ? [200, {}] : [404, { error: `${name} not found` }];
    } finally {
      end(name);
    }
  };
  const route = async (method: string, path: string): Promise<[number, object]> => {
    if (path === '/v2') return [200, { name: 'test', version: '1', extensions: ['model_repository'] }];
    // `/t` is the path of a readiness probe in the recorded pods.
    if (path === '/t') return [200, {}];
    if (path.startsWith('/v2/health/')) return [self.health, {}];
    if (path === '/v2/repository/index') {
      return [200, [...loaded.keys()].map((name) => ({ name, state: 'READY' }))];
    }
    const repository = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/.exec(path);
    if (method === 'POST' && repository !== null) return change(repository[1]!, repository[2]!);
    const model = /^\/v2\/models\/([^/]+)\/(ready|infer)$/.exec(path);
    if (model === null) return [404, { error: 'no such path' }];
    const [, name = '', verb] = model;
    if (!loaded.has(name)) return [404, { error: `${name} not found` }];
    return [200, verb === 'ready' ? {} : answerOf(name, loaded.get(name))];
  };
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    request.on('end', () => {
      void route(request.method ?? '', request.url ?? '').then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    });
  };
  const listen = async (port: number) => {
    server = createServer(handle);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port;
  };
  const crash = () => {
    loaded.clear();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  };
  const port = await listen(0);
  const self: V2Server = {
    port,
    loaded,
    loads: [],
    unloads: [],
    mostAtOnce: () => most,
    behave: () => Promise.resolve(undefined),
    health: 200,
    crash,
    restart: async () => {
      await listen(port);
    },
    stop: crash,
  };
  return self;
}
