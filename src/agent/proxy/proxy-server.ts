import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Milliseconds, seconds } from '../../lib/clock.ts';
import { MAX_HEAD_BYTES, MAX_HEADERS } from './proxied-request.decide.ts';
import { type Connections, createConnections } from '../connections.ts';
import { refuse } from './answers.ts';
import type { Around, Look } from './around.ts';
import { CLIENT_IDLE } from './client-idle.ts';
import { newUpstream } from './component-call.ts';
import { lookFirst } from './first-bytes.ts';
import { serveOrdinary } from './ordinary-client.ts';
import { judge, type Serving, type State, track } from './requests.ts';
import { passOn } from './pass-on.ts';
import { seeExchange } from './sight.ts';
import { tunnel } from './tunnel.ts';
import { refuseUnreadable } from './unreadable.ts';
import { serveUpgrade } from './upgrades.ts';
import type { createHttp2Door, Http2Door } from './http2/door.ts';
import type { Wake } from './wake.ts';

/** uvicorn closes a connection after 5 idle seconds. Ours ends sooner, so that no request meets a closing one. */
const COMPONENT_IDLE = seconds(4);
/** The time limit for the head of a request, as in KServe's agent. */
const HEAD_TIME = seconds(60);
/** How often that limit is checked. */
const LOOK_EVERY = seconds(5);
/** Some 15 KiB each while idle. */
const MOST_CONNECTIONS = 4_096;
/** Enough for heads of a usual size on all connections, or for some of the largest size. */
const MOST_HELD = 64 * 1024 ** 2;
const PROBE_HEADER = 'k-network-probe';
const PROBE_VALUE = 'queue';

interface ProxyOptions {
  readonly port: number;
  /** The address to listen on. All addresses if absent. */
  readonly address?: string;
  readonly componentPort: number;
  /** Undefined if ready, else the reason. */
  readonly notReady: () => Promise<string | undefined>;
  readonly observe: Serving['observe'];
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
  /** The batcher. Absent: none. */
  readonly around?: Around | undefined;
  /** The request logger. Absent: connections of HTTP/2 are tunnelled. */
  readonly look?: Look | undefined;
  /** Lets requests wait for sleeping models. Absent, or while it returns nothing: none waits. */
  readonly wake?: (() => Wake | undefined) | undefined;
  /** The time limit for the head of a request; a minute if absent. */
  readonly headTime?: Milliseconds;
  /** The most connected clients; some thousands if absent. */
  readonly mostConnections?: number;
  /** The most bytes of incomplete heads for all clients; some MiB if absent. */
  readonly mostHeld?: number;
}

export interface Proxy {
  /** The port that was bound. */
  readonly port: number;
  /** The number of running requests and tunnels, and when the last one began (monotonic). */
  activity(): { readonly inFlight: number; readonly lastStarted: number };
  /** From now on every answer asks its client to close the connection. */
  startDraining(): void;
  /** Stops listening and resolves when nothing is running any more, or the signal aborts. */
  close(signal: AbortSignal): Promise<void>;
}

/** Starts the data path: everything that comes to the port goes to the component, except readiness probes. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { componentPort, headTime = HEAD_TIME } = options;
  const { mostConnections: most = MOST_CONNECTIONS, mostHeld = MOST_HELD } = options;
  const upstream = newUpstream('127.0.0.1', componentPort, COMPONENT_IDLE);
  const state = { inFlight: 0, lastStarted: options.stopwatch(), draining: false };
  const connections = createConnections({ most, mayCloseBusy: false, mostHeld });
  const http = newHttpServer(headTime);
  const listeners = http.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  const serveHttp = (socket: Socket) => {
    for (const listener of listeners) listener.call(http, socket);
  };
  const { observe, stopwatch, around, look, wake = () => undefined } = options;
  const serving: Serving = {
    observe,
    stopwatch,
    around,
    look,
    upstream,
    state,
    connections,
    serveHttp,
    wake,
  };
  const door = lateDoor({ ...upstream, wake, look });
  addHandlers(http, serving, options);
  http.removeAllListeners('connection');
  http.on('connection', (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    const connection = connections.admit(socket);
    if (connection === undefined) return;
    const http2 = () => {
      track(serving, connection);
      if (wake() === undefined && look === undefined) tunnel(socket, upstream.host, upstream.port);
      else
        door
          .get()
          .then(({ serve: take }) => take(socket))
          .catch(() => socket.destroy());
    };
    const http1 = () => serveOrdinary(serving, connection);
    lookFirst(socket, headTime, { http1, http2 });
  });
  const port = await listen(http, options);
  return {
    port,
    activity: () => state,
    startDraining: () => {
      state.draining = true;
      door.drain();
    },
    close: async (signal) => {
      http.close();
      await whenIdle(state, connections, signal);
      connections.closeAll();
      upstream.direct.destroy();
      upstream.kept.destroy();
      upstream.fresh.destroy();
    },
  };
}

/** Loaded on demand: few agents get gRPC and have sleeping models or a logger. */
function lateDoor(options: Parameters<typeof createHttp2Door>[0]) {
  let opened: Promise<Http2Door> | undefined;
  return {
    get: () => (opened ??= import('./http2/door.ts').then(({ createHttp2Door: open }) => open(options))),
    drain: () => void opened?.then(({ drain }) => drain()),
  };
}

function newHttpServer(headTime: Milliseconds): Server {
  const server = createServer({
    keepAliveTimeout: CLIENT_IDLE,
    // Bodies have no time limit, but heads have one. Node applies one limit to both unless both are set.
    requestTimeout: 0,
    headersTimeout: headTime,
    connectionsCheckingInterval: Math.min(LOOK_EVERY, headTime),
    maxHeaderSize: MAX_HEAD_BYTES,
    // Checked with the rest of the head.
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: () => true,
  });
  // One more than is passed on, so that too many are noticed: Node drops the rest silently.
  server.maxHeadersCount = MAX_HEADERS + 1;
  return server;
}

function addHandlers(server: Server, serving: Serving, { notReady }: ProxyOptions): void {
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse) =>
    answer(serving, notReady, incoming, outgoing);
  server.on('request', serve);
  server.on('checkContinue', serve);
  server.on('clientError', (error, socket) => refuseUnreadable(error, socket, serving.connections));
  // CONNECT is for proxies, which this is not.
  server.on('connect', (_, socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) =>
    serveUpgrade(serving, incoming, socket, head),
  );
}

/** Answers a request: a probe itself, any other through the component. */
function answer(
  serving: Serving,
  notReady: ProxyOptions['notReady'],
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const { state, connections } = serving;
  const connection = connections.began(outgoing, incoming.socket);
  // Bytes after the last request of a connection would be acted on, and their answer lost.
  if (connection === undefined || connection.isEnding) return;
  const { headers } = incoming;
  if (headers[PROBE_HEADER] !== undefined || isKubeletProbe(incoming)) {
    return void answerProbe(incoming, outgoing, notReady);
  }
  const passed = judge(serving, incoming, outgoing, false);
  if (state.draining) outgoing.shouldKeepAlive = false;
  if (!outgoing.shouldKeepAlive) connection.isEnding = true;
  if (passed === undefined) return;
  const sight = serving.look?.(incoming.rawHeaders);
  if (sight !== undefined) seeExchange(incoming, outgoing, sight);
  passOn(serving, incoming, outgoing, passed);
}

/** Kubelet identifies itself. KServe's agent answers it the same way, whatever the path. */
function isKubeletProbe({ headers }: IncomingMessage): boolean {
  return (
    headers['k-kubelet-probe'] !== undefined || headers['user-agent']?.startsWith('kube-probe/') === true
  );
}

async function answerProbe(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  notReady: ProxyOptions['notReady'],
): Promise<void> {
  incoming.resume();
  const asked = incoming.headers[PROBE_HEADER];
  if (asked !== undefined && asked !== PROBE_VALUE) {
    refuse(
      outgoing,
      400,
      `unexpected probe header value: ${JSON.stringify(asked)}; expected "${PROBE_VALUE}"`,
    );
    return;
  }
  const reason = await notReady();
  if (reason !== undefined) {
    refuse(outgoing, 503, reason);
    return;
  }
  outgoing.writeHead(200, { 'content-type': 'text/plain', 'content-length': PROBE_VALUE.length });
  outgoing.end(PROBE_VALUE);
}

function listen(server: Server, { port, address }: ProxyOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(address === undefined ? {} : { host: address }) }, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}

/** Resolves once nothing is running or time is up. */
function whenIdle(state: State, connections: Connections, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (state.inFlight > 0 && !signal.aborted && connections.size > 0) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });
}
