import type { Socket } from 'node:net';
import type { Asked } from '../../contract/model-target.ts';
import type { Connection } from '../connections.ts';
import type { FailedCall } from './answer-readers.ts';
import type { BodySight, Sight } from './around.ts';
import { CLIENT_IDLE } from './client-idle.ts';
import { againOrFailed } from './component-call.ts';
import { CLIENT_GONE, type Sent } from './forward.ts';
import { endToEndHeaders } from './hop-by-hop.decide.ts';
import type { OrdinaryAnswer } from './ordinary-answer.decide.ts';
import type { OrdinaryRequest } from './ordinary-request.decide.ts';
import type { PassedRequest } from './proxied-request.decide.ts';
import { countRequest, type Serving } from './requests.ts';
import type { ModelUse } from './wake.ts';

/** A request of the ordinary kind, and its origin. */
export interface ReadCall {
  readonly serving: Serving;
  readonly connection: Connection;
  readonly request: OrdinaryRequest;
  readonly passed: PassedRequest;
  /** What it asks of a model; undefined if nothing. */
  readonly asked: Asked | undefined;
  /** As the component gets it. */
  readonly head: string;
  /** Observes the request and its answer, if anything does. */
  readonly sight: Sight | undefined;
}

/** One that proceeds at once. */
export interface OrdinaryCall extends ReadCall {
  /** Its model, which may not be unloaded meanwhile. Undefined if there is none. */
  readonly use: ModelUse | undefined;
}

/** A request on its way, without Node's objects for it. */
export interface OrdinaryExchange {
  /** Takes more of the client's bytes, and returns those after this request. */
  more(chunk: Buffer): Buffer | undefined;
  /** The client has disconnected. */
  gone(): void;
}

/** Notified of the end of an exchange. */
interface Ends {
  /** Something out of the ordinary happened. Returns how the request ended once that is over. */
  readonly oddly: (call: OrdinaryCall, sent: Sent, done: (status: number) => void) => void;
  /** The answer is over, and the connection stays open. */
  readonly over: () => void;
}

/** How far a request has come. */
interface Course extends OrdinaryCall {
  body: Buffer;
  /** What the client sees; 499 until an answer has begun. */
  status: number;
  /** Finished here, or left to others. */
  isOver: boolean;
  /** Cancels the call to the component. */
  giveUp: (() => void) | undefined;
  /** Observes the body of the answer. */
  answerSeen: BodySight | undefined;
  /** Reports how it ended. */
  readonly done: (status: number) => void;
  readonly oddly: (sent: Sent) => void;
}

/** Up to this many bytes of an answer go in one write with its head. */
const ONE_WRITE = 16 * 1024;
/** The last lines of a head, as Node's server writes them. */
const CONNECTION_LINES = `Connection: keep-alive\r\nKeep-Alive: timeout=${CLIENT_IDLE / 1_000}\r\n`;
const EMPTY = Buffer.alloc(0);

/** Forwards a request once its body is complete, and passes the answer on as its bytes come. */
export function beginOrdinary(call: OrdinaryCall, first: Buffer, { oddly, over }: Ends): OrdinaryExchange {
  const { serving, connection, request, passed, sight } = call;
  const { socket } = connection;
  const incoming = { complete: false };
  const counted = countRequest(serving, passed.target, call.asked);
  connection.ordinary = incoming;
  const done = (status: number): void => {
    course.isOver = true;
    call.use?.over();
    sight?.over();
    serving.connections.endedOrdinary(connection);
    counted(status);
    if (!socket.destroyed && !socket.writableEnded) over();
  };
  const course: Course = {
    ...call,
    ...{ body: first, status: CLIENT_GONE, isOver: false, giveUp: undefined },
    ...{ answerSeen: undefined, done },
    oddly: (sent) => {
      course.isOver = true;
      oddly(call, sent, done);
    },
  };
  const sendWhole = () => {
    if (course.body.length < request.length) return;
    incoming.complete = true;
    sight?.request.add(course.body);
    sight?.request.end();
    send(course);
  };
  sendWhole();
  return {
    more: (chunk) => {
      if (incoming.complete) return chunk;
      const missing = request.length - course.body.length;
      course.body = Buffer.concat([course.body, chunk.subarray(0, missing)]);
      sendWhole();
      return chunk.length > missing ? chunk.subarray(missing) : undefined;
    },
    gone: () => {
      if (course.isOver) return;
      course.giveUp?.();
      done(course.status);
    },
  };
}

function send(course: Course): void {
  const { serving, connection, request, body, head, sight } = course;
  const { socket } = connection;
  const bytes = request.length === 0 ? head : head + body.toString('latin1', 0, request.length);
  const call = serving.upstream.direct.call(bytes, {
    answered: (answer, part, isWhole) => {
      course.status = answer.status;
      course.answerSeen = sight?.answer(answer.status);
      course.answerSeen?.add(part);
      writeAnswer(socket, answer, part);
      if (isWhole) endOnceWritten(course);
    },
    more: (part, isLast) => {
      course.answerSeen?.add(part);
      const isTaken = socket.write(part);
      if (isLast) endOnceWritten(course);
      else if (!isTaken) {
        call.pause();
        socket.once('drain', call.resume);
      }
    },
    odd: (answer) => course.oddly({ kind: 'answered', answer }),
    failed: (failed) => failedToAnswer(course, failed),
  });
  course.giveUp = call.destroy;
}

/** The request counts as running until its bytes are with the operating system. */
function endOnceWritten(course: Course): void {
  const { socket } = course.connection;
  course.giveUp = undefined;
  const end = () => {
    if (course.isOver) return;
    course.answerSeen?.end();
    course.done(course.status);
  };
  if (socket.writableLength === 0) end();
  else socket.write(EMPTY, end);
}

function failedToAnswer(course: Course, { fault, socket, isReused, isAnswered }: FailedCall): void {
  const { request, passed } = course;
  const body = request.length === 0 ? null : course.body;
  course.giveUp = undefined;
  const failed = () => {
    if (course.isOver) return;
    // A truncated answer must not be taken for a complete one.
    if (course.status !== CLIENT_GONE) course.connection.socket.destroy();
    else course.oddly({ kind: 'failed', fault, body });
  };
  if (!isReused || isAnswered) {
    failed();
    return;
  }
  const again = () => {
    if (!course.isOver) course.oddly({ kind: 'again', body });
  };
  const { method } = request;
  const attempt = { method, hasIdempotencyKey: passed.hasIdempotencyKey, isReused, sent: 'whole' as const };
  againOrFailed(attempt, socket, fault, { again, failed });
}

/** Writes the head of an answer, with the bytes of its body so far, as Node's server would. */
function writeAnswer(socket: Socket, { status, reason, headers }: OrdinaryAnswer, part: Buffer): void {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`;
  const kept = endToEndHeaders(headers, false);
  for (let index = 0; index + 1 < kept.length; index += 2)
    head += `${kept[index] ?? ''}: ${kept[index + 1] ?? ''}\r\n`;
  head += `${CONNECTION_LINES}\r\n`;
  if (part.length <= ONE_WRITE) socket.write(head + part.toString('latin1'), 'latin1');
  else {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(part);
    socket.uncork();
  }
}
