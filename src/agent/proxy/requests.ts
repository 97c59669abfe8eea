import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Asked } from '../../contract/model-target.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { passedRequest, type PassedRequest } from './proxied-request.decide.ts';
import type { Connection, Connections } from '../connections.ts';
import { refuse } from './answers.ts';
import type { Around, Look } from './around.ts';
import type { Upstream } from './component-call.ts';
import type { Exchange } from './exchange.ts';
import type { Wake } from './wake.ts';

export interface State {
  inFlight: number;
  lastStarted: number;
  draining: boolean;
}

export /** What serving a request needs. */
interface Serving {
  /** Called once for each request. `asked`: what its path asks, if that was read. */
  readonly observe: (path: string, status: number, took: Milliseconds, asked?: Asked) => void;
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
  readonly upstream: Upstream;
  readonly state: State;
  readonly connections: Connections;
  /** What wraps the component, if anything does. */
  readonly around: Around | undefined;
  /** Observes requests and answers, if anything does. */
  readonly look: Look | undefined;
  /** Lets requests wait for sleeping models. Undefined: none waits. */
  readonly wake: () => Wake | undefined;
  /** Serves the connection's next bytes as HTTP/1.1, again if needed. */
  readonly serveHttp: (socket: Socket) => void;
}

/** The request for the component. Undefined if it was answered here. */
export function judge(
  { upstream }: Serving,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  asUpgrade: boolean,
): PassedRequest | undefined {
  const { method = 'GET', url = '/', rawHeaders } = incoming;
  // A property of the server, not of its content.
  const isOfServer = url === '*' && method === 'OPTIONS';
  const passed = passedRequest(
    {
      method,
      target: isOfServer ? '/' : url,
      headers: rawHeaders,
      versionMajor: incoming.httpVersionMajor,
      versionMinor: incoming.httpVersionMinor,
    },
    clientOf(incoming.socket),
    `${upstream.host}:${upstream.port}`,
    asUpgrade,
  );
  if ('headers' in passed) {
    if (!isOfServer) return passed;
    // KServe's agent answers this itself too.
    incoming.resume();
    outgoing.writeHead(200, ['Content-Length', '0']);
    outgoing.end();
    return undefined;
  }
  // Others may see the end of its body elsewhere.
  outgoing.shouldKeepAlive = false;
  incoming.resume();
  refuse(outgoing, passed.status, passed.reason);
  return undefined;
}

/** The address of a client, for X-Forwarded-For. */
export function clientOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress?.replace(/^::ffff:/, '');
}

/** Counts a request as running until it is done. */
export function exchangeOf(
  serving: Serving,
  incoming: IncomingMessage,
  passed: PassedRequest,
): Pick<Exchange, 'incoming' | 'passed' | 'upstream' | 'done'> {
  return { incoming, passed, upstream: serving.upstream, done: countRequest(serving, passed.target) };
}

/** Counts a request as running. Returns a function to report how it ended. */
export function countRequest(
  { observe, stopwatch, state }: Serving,
  target: string,
  asked?: Asked,
): (status: number) => void {
  const started = stopwatch();
  state.inFlight += 1;
  state.lastStarted = started;
  return (status) => {
    state.inFlight -= 1;
    observe(target, status, (stopwatch() - started) as Milliseconds, asked);
  };
}

/** Counts a joined connection as one running request. */
export function track({ state, stopwatch }: Serving, connection: Connection): void {
  connection.isTunnel = true;
  connection.socket.setTimeout(0);
  state.inFlight += 1;
  state.lastStarted = stopwatch();
  connection.socket.on('close', () => {
    state.inFlight -= 1;
  });
}
