import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Milliseconds, seconds } from '../../core/clock.ts';
import { MAX_HEADERS, passedRequest, type PassedRequest } from '../../core/proxied-request.ts';
import { type Connection, type Connections, createConnections } from '../connections.ts';
import { MAX_HEAD_BYTES, newUpstream, type Upstream } from './component-call.ts';
import { lookFirst } from './first-bytes.ts';
import { type Exchange, forward, refuse } from './forward.ts';
import { joinUpgraded, tunnel, withoutUpgrade } from './tunnel.ts';
import { refuseUnreadable } from './unreadable.ts';

/** uvicorn closes a connection after 5 idle seconds; ours ends sooner, so that no request meets a closing one. */
const COMPONENT_IDLE = seconds(4);
/** Longer than the idle time of the gateways in front, which reuse connections without asking. */
const CLIENT_IDLE = seconds(120);
/** How long the head of a request may take, as KServe's agent has it. */
const HEAD_TIME = seconds(60);
/** How often the above is looked at. */
const LOOK_EVERY = seconds(5);
/** Some 15 KiB each while they do nothing. */
const MOST_CONNECTIONS = 4_096;
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
  /** How long the head of a request may take; a minute when absent. */
  readonly headTime?: Milliseconds;
  /** How many clients may be connected at once; some thousands when absent. */
  readonly mostConnections?: number;
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

interface State {
  inFlight: number;
  lastStarted: number;
  draining: boolean;
}

/** What a request is served with. */
interface Serving {
  readonly options: ProxyOptions;
  readonly upstream: Upstream;
  readonly state: State;
  readonly connections: Connections;
  /** Serves what comes next on a connection, or again, as HTTP/1.1. */
  readonly serveHttp: (socket: Socket) => void;
}

/** Starts the data path: everything that comes to the port goes to the component, but readiness probes. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { componentPort, mostConnections: most = MOST_CONNECTIONS, headTime = HEAD_TIME } = options;
  const upstream = newUpstream('127.0.0.1', componentPort, COMPONENT_IDLE);
  const state = { inFlight: 0, lastStarted: options.stopwatch(), draining: false };
  const connections = createConnections({ most, mayCloseBusy: false });
  const http = newHttpServer(headTime);
  const listeners = http.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  const serveHttp = (socket: Socket) => {
    for (const listener of listeners) listener.call(http, socket);
  };
  const serving: Serving = { options, upstream, state, connections, serveHttp };
  addHandlers(http, serving);
  http.removeAllListeners('connection');
  http.on('connection', (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    const connection = connections.admit(socket);
    if (connection === undefined) return;
    const http2 = () => {
      track(serving, connection);
      tunnel(socket, upstream.host, upstream.port);
    };
    lookFirst(socket, headTime, { http1: serveHttp, http2 });
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
      await whenIdle(state, connections, signal);
      connections.closeAll();
      upstream.kept.destroy();
      upstream.fresh.destroy();
    },
  };
}

function newHttpServer(headTime: Milliseconds): Server {
  const server = createServer({
    keepAliveTimeout: CLIENT_IDLE,
    // Bodies may take as long as they take; heads may not, which Node takes for the same unless both are said.
    requestTimeout: 0,
    headersTimeout: headTime,
    connectionsCheckingInterval: Math.min(LOOK_EVERY, headTime),
    maxHeaderSize: MAX_HEAD_BYTES,
    // Judged with the rest of the head.
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: () => true,
  });
  // One more than goes through, so that too many are noticed: Node drops the rest without a word.
  server.maxHeadersCount = MAX_HEADERS + 1;
  return server;
}

function addHandlers(server: Server, serving: Serving): void {
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse) => answer(serving, incoming, outgoing);
  server.on('request', serve);
  server.on('checkContinue', serve);
  server.on('clientError', (error, socket) => refuseUnreadable(error, socket, serving.connections));
  // A proxy's method, which this is not for.
  server.on('connect', (_, socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const connection = serving.connections.of(socket);
    if (connection === undefined || connection.isEnding) {
      socket.destroy();
      return;
    }
    readMeanwhile(serving.connections, connection, head, (all) => {
      if (!socket.writable) socket.destroy();
      else if (isUpgrade(incoming)) tryUpgrade(serving, connection, incoming, all);
      else serveAgain(serving, socket, Buffer.concat([Buffer.from(withoutUpgrade(incoming), 'latin1'), all]));
    });
  });
}

/** What a client may send before the answers are over that its wish to upgrade waits for. */
const MEANWHILE = 64 * 1024;

/** Waits for the answers before a wish to upgrade, which Node has left alone with the connection; gives what came since. */
function readMeanwhile(
  connections: Connections,
  connection: Connection,
  head: Buffer,
  answered: (all: Buffer) => void,
): void {
  const { socket, pending } = connection;
  const came = [head];
  let left = MEANWHILE;
  const collect = (chunk: Buffer) => {
    came.push(chunk);
    left -= chunk.length;
    if (left <= 0) socket.pause();
  };
  const goOn = () => {
    for (const outgoing of pending) outgoing.emit('drain');
  };
  const gone = () => socket.destroy();
  socket.on('data', collect).on('end', gone).on('drain', goOn);
  connections.whenAnswered(connection, () => {
    socket.pause();
    socket.off('data', collect).off('end', gone).off('drain', goOn);
    answered(Buffer.concat(came));
  });
}

/** Answers one request: a probe by itself, any other by the component. */
function answer(serving: Serving, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { options, state, connections } = serving;
  const connection = connections.began(outgoing, incoming.socket);
  // What follows the last request of a connection would be acted on, and its answer lost.
  if (connection === undefined || connection.isEnding) return;
  const { headers } = incoming;
  if (headers[PROBE_HEADER] !== undefined || isKubeletProbe(incoming)) {
    return void answerProbe(incoming, outgoing, options.notReady);
  }
  const passed = judge(serving, incoming, outgoing, false);
  if (state.draining) outgoing.shouldKeepAlive = false;
  if (!outgoing.shouldKeepAlive) connection.isEnding = true;
  if (passed === undefined) return;
  const begin = () => forward({ ...exchangeOf(serving, incoming, passed), outgoing });
  // One after the other: what a client sends without waiting may rely on what it sent before (RFC 9112 section 9.3.2).
  if (outgoing.socket === null) outgoing.once('socket', begin);
  else begin();
}

/** What the component is to get; undefined when the request has been answered here. */
function judge(
  { upstream }: Serving,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  asUpgrade: boolean,
): PassedRequest | undefined {
  const { method = 'GET', url = '/', rawHeaders } = incoming;
  if (url === '*' && method === 'OPTIONS') {
    // Asked of the server, not of anything on it; KServe's agent answers by itself too.
    outgoing.writeHead(200, ['Content-Length', '0']);
    outgoing.end();
    return undefined;
  }
  const passed = passedRequest(
    {
      ...{ method, target: url, headers: rawHeaders },
      ...{ versionMajor: incoming.httpVersionMajor, versionMinor: incoming.httpVersionMinor },
    },
    incoming.socket.remoteAddress?.replace(/^::ffff:/, ''),
    `${upstream.host}:${upstream.port}`,
    asUpgrade,
  );
  if ('headers' in passed) return passed;
  // Where its body ends may be another matter of opinion.
  outgoing.shouldKeepAlive = false;
  incoming.resume();
  refuse(outgoing, passed.status, passed.reason);
  return undefined;
}

/** Counts a request as under way until it is done. */
function exchangeOf(
  { options, state, upstream }: Serving,
  incoming: IncomingMessage,
  passed: PassedRequest,
): Pick<Exchange, 'incoming' | 'passed' | 'upstream' | 'done'> {
  const started = options.stopwatch();
  state.inFlight += 1;
  state.lastStarted = started;
  const done = (status: number) => {
    state.inFlight -= 1;
    options.observe(passed.target, status, (options.stopwatch() - started) as Milliseconds);
  };
  return { incoming, passed, upstream, done };
}

/** Whether the component is asked to upgrade; every other wish to is ignored. */
function isUpgrade({ headers }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return !hasBody && headers.upgrade?.trim().toLowerCase() !== 'h2c';
}

/**
 * Asks the component to upgrade. Its agreement joins the connections; any other answer is one like all others, after which the
 * connection is served on.
 */
function tryUpgrade(serving: Serving, connection: Connection, incoming: IncomingMessage, head: Buffer): void {
  const { socket } = connection;
  const outgoing = new ServerResponse(incoming);
  outgoing.assignSocket(socket);
  serving.connections.began(outgoing, socket);
  const passed = judge(serving, incoming, outgoing, true);
  outgoing.on('finish', () => {
    outgoing.detachSocket(socket);
    // Node says so of its own answers only.
    outgoing.emit('close');
    if (!outgoing.shouldKeepAlive || serving.state.draining) socket.end();
    else serveAgain(serving, socket, head);
  });
  if (passed === undefined) return;
  if (serving.state.draining) outgoing.shouldKeepAlive = false;
  const upgraded: Exchange['upgraded'] = (agreed, component, fromComponent) => {
    outgoing.detachSocket(socket);
    track(serving, connection);
    joinUpgraded(socket, { answer: agreed, component, fromComponent, fromClient: head });
  };
  forward({ ...exchangeOf(serving, incoming, passed), outgoing, upgraded });
}

/** Reads a connection as HTTP/1.1 again, from these bytes on. */
function serveAgain({ serveHttp }: Serving, socket: Socket, from: Buffer): void {
  socket.pause();
  if (from.length > 0) socket.unshift(from);
  serveHttp(socket);
  socket.resume();
}

/** Counts a joined connection as one request under way. */
function track({ state, options }: Serving, connection: Connection): void {
  connection.isTunnel = true;
  connection.socket.setTimeout(0);
  state.inFlight += 1;
  state.lastStarted = options.stopwatch();
  connection.socket.on('close', () => {
    state.inFlight -= 1;
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

/** Resolves once nothing is under way or time is up. */
function whenIdle(state: State, connections: Connections, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (state.inFlight > 0 && !signal.aborted && connections.size > 0) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });
}
