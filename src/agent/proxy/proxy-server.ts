import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Milliseconds, seconds } from '../../core/clock.ts';
import { forward, refuse, type Upstream } from './forward.ts';
import { H2C_PREFACE, tunnel, upgrade } from './tunnel.ts';

/** uvicorn closes a connection after 5 idle seconds; ours ends sooner, so that no request meets a closing one. */
const COMPONENT_IDLE = seconds(4);
/** Longer than the idle time of the gateways in front, which reuse connections without asking. */
const CLIENT_IDLE = seconds(120);
const PROBE_HEADER = 'k-network-probe';
const PROBE_VALUE = 'queue';

export interface ProxyOptions {
  readonly port: number;
  /** Where to listen; all addresses when absent. */
  readonly address?: string;
  readonly componentPort: number;
  /** Undefined when ready, else why not. */
  readonly notReady: () => Promise<string | undefined>;
  readonly observe: (path: string, status: number, took: Milliseconds) => void;
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
}

export interface Proxy {
  /** The port that was bound. */
  readonly port: number;
  /** Requests and tunnels under way, and when the last one began (by the stopwatch). */
  activity(): { readonly inFlight: number; readonly lastStarted: number };
  /** From now on every answer asks its client to close the connection. */
  startDraining(): void;
  /** Stops listening and resolves when nothing is under way any more, or the signal aborts. */
  close(signal: AbortSignal): Promise<void>;
}

/** Starts the data path: everything that comes to the port goes to the component, but readiness probes. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { componentPort } = options;
  const upstream: Upstream = {
    host: '127.0.0.1',
    port: componentPort,
    agent: new Agent({ keepAlive: true, timeout: COMPONENT_IDLE, maxFreeSockets: 1_000 }),
  };
  const state = { inFlight: 0, lastStarted: options.stopwatch(), draining: false };
  const sockets = new Set<Socket>();
  const http = newHttpServer(options, upstream, state);
  lookFirst(http, (socket) => {
    track(state, options, socket);
    tunnel(socket, upstream.host, componentPort);
  });
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const port = await listen(http, options);
  return {
    port,
    activity: () => state,
    startDraining: () => {
      state.draining = true;
    },
    close: async (signal) => {
      http.close();
      await whenIdle(state, sockets, signal);
      for (const socket of sockets) socket.destroy();
      upstream.agent.destroy();
    },
  };
}

interface State {
  inFlight: number;
  lastStarted: number;
  draining: boolean;
}

function newHttpServer(options: ProxyOptions, upstream: Upstream, state: State): Server {
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { headers } = incoming;
    if (headers[PROBE_HEADER] !== undefined || isKubeletProbe(incoming)) {
      return void answerProbe(incoming, outgoing, options.notReady);
    }
    // What comes after the body of a request to upgrade may have been for another protocol.
    const isLast = state.draining || (headers.upgrade !== undefined && !isH2c(incoming));
    if (isLast) outgoing.shouldKeepAlive = false;
    const started = options.stopwatch();
    state.inFlight += 1;
    state.lastStarted = started;
    forward(incoming, outgoing, upstream, (status) => {
      state.inFlight -= 1;
      options.observe(incoming.url ?? '', status, (options.stopwatch() - started) as Milliseconds);
    });
  };
  const server = createServer(
    {
      keepAliveTimeout: CLIENT_IDLE,
      // Bodies may take as long as they take; headers may not (60 s, Node's default).
      requestTimeout: 0,
      noDelay: true,
      shouldUpgradeCallback: isUpgrade,
    },
    serve,
  );
  server.on('checkContinue', serve);
  // A proxy's method, which this is not for.
  server.on('connect', (_, socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    track(state, options, socket);
    upgrade(incoming, socket, head, upstream.host, upstream.port);
  });
  return server;
}

/**
 * "Upgrade" may be ignored (RFC 9110 section 7.8). A request to speak HTTP/2 is served as what it is, HTTP/1.1; so is one with a
 * body, whose end only HTTP knows.
 */
function isUpgrade(incoming: IncomingMessage): boolean {
  const { headers } = incoming;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return !hasBody && !isH2c(incoming);
}

function isH2c({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'h2c';
}

/** Counts a joined connection as one request under way. */
function track(state: State, options: ProxyOptions, socket: Socket): void {
  state.inFlight += 1;
  state.lastStarted = options.stopwatch();
  socket.on('close', () => {
    state.inFlight -= 1;
  });
}

/** How long a connection may stay silent before its first byte. */
const SILENCE = seconds(60);

/**
 * Puts a look at the first bytes before the HTTP server's own handling of a connection: HTTP/2 in clear text goes to
 * the component as it is, everything else on to the HTTP server.
 */
function lookFirst(http: Server, h2c: (socket: Socket) => void): void {
  const serveHttp = http.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  http.removeAllListeners('connection');
  http.on('connection', (socket: Socket) => {
    const ignore = () => socket.destroy();
    socket.on('error', ignore);
    socket.setTimeout(SILENCE, ignore);
    socket.once('data', (first: Buffer) => {
      socket.setTimeout(0, ignore);
      socket.removeListener('timeout', ignore);
      socket.pause();
      socket.unshift(first);
      if (first.subarray(0, H2C_PREFACE.length).toString('latin1') === H2C_PREFACE) h2c(socket);
      else for (const listener of serveHttp) listener.call(http, socket);
      socket.resume();
    });
  });
}

/** Kubelet says who it is; KServe's agent answers it the same way, whatever the path. */
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

/** Ends connections as they fall idle; resolves once nothing is under way or time is up. */
function whenIdle(state: State, sockets: ReadonlySet<Socket>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (state.inFlight > 0 && !signal.aborted && sockets.size > 0) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });
}
