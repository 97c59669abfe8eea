import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { READ_ANSWERS } from './proxied-answer.decide.ts';
import { MAX_HEAD_BYTES, MAX_HEADERS, type PassedRequest } from './proxied-request.decide.ts';
import { type FailedAttempt, mayBeSentAgain } from './request-retry.decide.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { readSoundHead } from '../../lib/read-sound-head.ts';
import type { ConnectionFault } from './answer-readers.ts';
import { keepConnections, type KeptConnections } from './kept-connections.ts';

/** The component, and the connections to it. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  /** Kept connections for requests that go in one write. */
  readonly direct: KeptConnections;
  /** Kept connections for any other request. */
  readonly kept: Agent;
  /** A connection for one request. */
  readonly fresh: Agent;
}

/**
 * The longest request that travels in one piece to a component on loopback, whose packets carry 64 KiB, and that no
 * component reads in part at first.
 */
const ONE_PIECE = 16 * 1024;

const UNWANTED_UPGRADE: ConnectionFault = {
  code: 'EPROTO',
  message: 'the component switched to a protocol that was not requested',
};

export function newUpstream(host: string, port: number, idle: Milliseconds): Upstream {
  return {
    ...{ host, port },
    direct: keepConnections(() => connect({ host, port, noDelay: true }), idle),
    kept: new Agent({ keepAlive: true, timeout: idle, maxFreeSockets: 1_000 }),
    fresh: new Agent({ keepAlive: false }),
  };
}

/** The events of one attempt. */
interface CallEvents {
  readonly answered: (answer: IncomingMessage) => void;
  /** The component asks for the body. */
  readonly continued: () => void;
  /** The component speaks another protocol from now on. */
  readonly upgraded?: (answer: IncomingMessage, component: Socket, head: Buffer) => void;
  readonly failed: (fault: ConnectionFault) => void;
  /** The call failed and cannot have been acted on: repeat it on a fresh connection. */
  readonly again: () => void;
}

export interface ComponentCall {
  readonly request: ClientRequest;
  /** What was given to the connection. The caller sets it before it writes. */
  sent: FailedAttempt['sent'];
}

/** Whether a request of this many bytes, in one write, travels in one piece. */
export function isOnePiece(passed: PassedRequest, bodyBytes: number): boolean {
  let bytes = bodyBytes + passed.target.length;
  for (const text of passed.headers) bytes += text.length + 4;
  return bytes < ONE_PIECE;
}

/** Which connections a request uses. */
export type Way = Agent | Duplex;

/**
 * Begins a request to the component.
 * @throws what Node throws when it cannot make such a request
 */
export function callComponent(
  { host, port }: Upstream,
  way: Way,
  method: string,
  passed: PassedRequest,
  events: CallEvents,
): ComponentCall {
  const call: ComponentCall = {
    request: request({
      host,
      port,
      ...(way instanceof Agent ? { agent: way } : { createConnection: () => way }),
      method,
      path: passed.target,
      headers: passed.headers,
      // The Host is among the headers.
      setHost: false,
      insecureHTTPParser: READ_ANSWERS.insecureHTTPParser,
      maxHeaderSize: READ_ANSWERS.maxHeaderSize,
    }),
    sent: 'nothing',
  };
  const { request: made } = call;
  // One more than is passed on, so that too many are noticed: Node drops the rest silently.
  made.maxHeadersCount = MAX_HEADERS + 1;
  let readBefore = 0;
  made.on('socket', (socket) => {
    readBefore = socket.bytesRead;
    // Every other case is handled already.
    if (way instanceof Agent) readSoundHead(socket, MAX_HEAD_BYTES);
  });
  made.on('continue', events.continued).on('response', events.answered);
  made.on('upgrade', (answer, socket: Socket, head) => {
    if (events.upgraded !== undefined) {
      events.upgraded(answer, socket, head);
      return;
    }
    // Without a listener Node would close the connection silently.
    socket.destroy();
    events.failed(UNWANTED_UPGRADE);
  });
  let hasFailed = false;
  made.on('error', (error: NodeJS.ErrnoException) => {
    // A connection may report its end more than once.
    if (hasFailed) return;
    hasFailed = true;
    const { socket, reusedSocket: isReused } = made;
    const isAnswered = socket !== null && socket.bytesRead > readBefore;
    if (!isReused || socket === null || isAnswered) {
      events.failed(error);
      return;
    }
    const { hasIdempotencyKey } = passed;
    againOrFailed({ method, hasIdempotencyKey, isReused, sent: call.sent }, socket, error, events);
  });
  return call;
}

/** Once it is known how the connection ended, decides how to handle a request that failed without an answer. */
export function againOrFailed<Fault extends ConnectionFault>(
  attempt: Omit<FailedAttempt, 'end'>,
  socket: Socket,
  fault: Fault,
  { again, failed }: { readonly again: () => void; readonly failed: (fault: Fault) => void },
): void {
  howItEnded(socket, fault, (end) => {
    if (mayBeSentAgain({ ...attempt, end })) again();
    else failed(fault);
  });
}

/**
 * Finds out how a connection ended. A reader cannot distinguish "closed, then reset" from "read, then closed".
 * A write can: after a reset the kernel refuses it, even one of no bytes.
 */
function howItEnded(
  socket: Socket,
  { syscall }: ConnectionFault,
  report: (end: FailedAttempt['end']) => void,
): void {
  if (syscall !== undefined) {
    report(syscall === 'write' ? 'refused' : 'other');
    return;
  }
  // The socket's own method refuses without asking the kernel once the other side has ended.
  Socket.prototype.write.call(
    socket,
    Buffer.alloc(0),
    undefined,
    (refusal?: NodeJS.ErrnoException | null) => {
      report(refusal?.syscall === 'write' ? 'closed-before' : 'other');
    },
  );
}
