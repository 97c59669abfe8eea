import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Milliseconds, seconds } from '../../lib/clock.ts';
import { closeOnRequestsInAdvance } from '../../lib/requests-in-advance.ts';
import { WAIT_FOR_DRAIN_PATH } from '../../contract/names.ts';
import { createConnections } from '../connections.ts';
import type { DrainWait } from '../drain-wait.ts';
import type { AgentMetrics } from './metrics.ts';
import type { StatusBoard } from './status-store.ts';

/** Shows a reader, and every proxy between, that the stream is alive. */
const HEARTBEAT = seconds(15);
/** How often to look for request heads that did not arrive within a minute. */
const LOOK_EVERY = seconds(5);
/** How long a request may take to arrive. None has a body. */
const REQUEST_TIME = seconds(60);
/** The managers, Prometheus, kubelet and people need some ten connections. */
const MOST_CONNECTIONS = 256;
/** A head has 16 KiB at most here, Node's default. */
const MOST_HELD = 8 * 1024 ** 2;

interface StatusServerOptions {
  readonly port: number;
  /** The address to listen on. All addresses if absent. */
  readonly address?: string;
  readonly board: StatusBoard;
  readonly metrics: AgentMetrics;
  /** Undefined if ready, else the reason. */
  readonly notReady: () => Promise<string | undefined>;
  readonly drainWait: Pick<DrainWait, 'wait'>;
  /** The most connected readers; some hundreds if absent. */
  readonly mostConnections?: number;
  /** How long a request may take to arrive; a minute if absent. */
  readonly requestTimeout?: Milliseconds;
}

export interface StatusServer {
  /** The port that was bound. */
  readonly port: number;
  close(): void;
}

/** Serves the endpoints described in docs/agent-status.md. */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { mostConnections: most = MOST_CONNECTIONS, requestTimeout = REQUEST_TIME } = options;
  // A reader whose stream is closed reconnects, so one address with many streams can give way to others.
  const connections = createConnections({ most, mayCloseBusy: true, mostHeld: MOST_HELD });
  const timeouts = {
    ...{ requestTimeout, headersTimeout: requestTimeout },
    connectionsCheckingInterval: Math.min(LOOK_EVERY, requestTimeout),
  };
  const server = createServer(timeouts, (incoming, outgoing) => {
    if (incoming.socket.destroyed) return;
    connections.began(outgoing, incoming.socket);
    answer(options, incoming, outgoing).catch((thrown: unknown) => {
      if (outgoing.headersSent) outgoing.destroy();
      else json(outgoing, 500, { error: String(thrown) });
    });
  });
  server.on('connection', (socket) => connections.admit(socket));
  closeOnRequestsInAdvance(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { port, address } = options;
    server.listen({ port, ...(address === undefined ? {} : { host: address }) }, () => resolve());
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    close: () => {
      server.close();
      connections.closeAll();
      server.closeAllConnections();
    },
  };
}

async function answer(
  options: StatusServerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { board, metrics } = options;
  const { path, query } = targetOf(incoming.url ?? '/');
  if (incoming.method !== 'GET' && incoming.method !== 'HEAD') {
    json(outgoing, 405, { error: 'the status is read-only: use GET' });
    return;
  }
  switch (path) {
    case '/healthz': {
      text(outgoing, 200, 'ok');
      return;
    }
    case '/readyz': {
      const reason = await options.notReady();
      text(outgoing, reason === undefined ? 200 : 503, reason ?? 'ok');
      return;
    }
    case WAIT_FOR_DRAIN_PATH: {
      text(outgoing, 200, await options.drainWait.wait(outgoing));
      return;
    }
    case '/metrics':
      outgoing.writeHead(200, { 'content-type': metrics.contentType });
      // Who goes away before it has all has had enough.
      await pipeline(Readable.from(metrics.pieces()), outgoing).catch(() => undefined);
      return;
    case '/v1/models': {
      json(outgoing, 200, board.document());
      return;
    }
    case '/v1/models/watch': {
      stream(board, query, outgoing);
      return;
    }
  }
  const name = decoded(/^\/v1\/models\/([^/]+)$/.exec(path)?.[1] ?? '');
  const model = name === undefined ? undefined : board.model(name);
  if (model !== undefined) {
    json(outgoing, 200, model);
    return;
  }
  json(outgoing, 404, {
    error: `not here; there are /healthz /readyz /metrics ${WAIT_FOR_DRAIN_PATH} /v1/models /v1/models/NAME /v1/models/watch`,
  });
}

/** Path and query of a request's target in origin or absolute form (RFC 9112, 3.2), or the target unchanged. */
function targetOf(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const own = target.startsWith('/') ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  const [path = '', query = ''] = own.split(/\?(.*)/s);
  return { path, query: new URLSearchParams(query) };
}

/** Undefined if the percent-encoding is invalid. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** One JSON document a line, from a snapshot or from the number that the reader knows. */
function stream(board: StatusBoard, query: URLSearchParams, outgoing: ServerResponse): void {
  let instance = query.get('instance') ?? undefined;
  let sequence = Number(query.get('since') ?? Number.NaN);
  if (Number.isNaN(sequence)) instance = undefined;
  outgoing.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  const flush = () => {
    // Send nothing more to a slow reader until it has read what it got.
    if (outgoing.writableNeedDrain) return;
    for (const event of board.since(instance, sequence)) {
      if (event.type === 'SNAPSHOT') instance = event.status.instance;
      sequence = event.sequence;
      outgoing.write(`${JSON.stringify(event)}\n`);
    }
  };
  const unsubscribe = board.subscribe(flush);
  const heartbeat = setInterval(() => {
    if (!outgoing.writableNeedDrain) outgoing.write(`${JSON.stringify({ type: 'HEARTBEAT', sequence })}\n`);
  }, HEARTBEAT);
  outgoing.on('drain', flush);
  outgoing.on('close', () => {
    clearInterval(heartbeat);
    unsubscribe();
  });
  outgoing.flushHeaders();
  flush();
}

function text(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  outgoing.end(`${body}\n`);
}

function json(outgoing: ServerResponse, status: number, body: unknown): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end(`${JSON.stringify(body)}\n`);
}
