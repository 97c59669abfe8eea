import type { IncomingMessage, ServerResponse } from 'node:http';
import { seconds } from '../../lib/clock.ts';
import { endWith, leavesConnection, refuse, respond, respondOrdinary } from './answers.ts';
import { againOrFailed, callComponent, type ComponentCall, type Way } from './component-call.ts';
import type { ConnectionFault, OddAnswer } from './answer-readers.ts';
import type { Exchange } from './exchange.ts';
import { sendRequest } from './send-request.ts';
import { answerSleeping } from './wake.ts';

/** nginx's status for a client that disconnected. It appears in metrics only. */
export const CLIENT_GONE = 499;

/**
 * How long a client may continue to send a body that is no longer needed. It must be read: many clients read the answer
 * only after they have sent everything.
 */
const LINGER = seconds(30);

/** How far a request has come. */
interface Course {
  /** What the client sees. */
  status: number;
  isOver: boolean;
  /** Ends the call to the component. */
  giveUp: (() => void) | undefined;
  /** Removes the callbacks for the end. */
  notOver: () => void;
  /** The answer that Node's client reads. */
  answer: IncomingMessage | undefined;
}

/**
 * Forwards one request and streams the answer back, trailers included. No more of body and answer is held in memory
 * than Node reads at a time. A client that disconnects ends the request at the component, and a component that breaks
 * off ends the client's connection, so that a truncated answer is not taken for a complete one. If the component closed
 * a kept connection just as the request arrived, the request is sent once more, provided it cannot have been acted on.
 */
export function forward(exchange: Exchange): void {
  const course = courseOf(exchange);
  sendRequest(exchange, {
    begin: (way, send) => begin(exchange, course, way, send),
    sendDirectly: (bytes, again) => sendDirectly(exchange, course, bytes, again),
  });
}

/** The outcome of a request that was already sent completely. */
export type Sent =
  | { readonly kind: 'answered'; readonly answer: OddAnswer }
  | { readonly kind: 'failed'; readonly fault: ConnectionFault; readonly body: Buffer | null }
  /** It cannot have been acted on, and must be sent once more. */
  | { readonly kind: 'again'; readonly body: Buffer | null };

/** Continues a request that was sent before there was an exchange. */
export function forwardSent(exchange: Exchange, sent: Sent): void {
  const course = courseOf(exchange);
  if (sent.kind === 'answered') {
    readOdd(exchange, course, sent.answer);
    return;
  }
  const again = () =>
    begin(exchange, course, exchange.upstream.fresh, (call) => {
      call.sent = 'whole';
      endWith(call.request, sent.body, []);
    });
  if (sent.kind === 'again') again();
  else if (!waitsForComponent(exchange, course, sent.fault, again))
    componentFailed(exchange, course, sent.fault);
}

function courseOf({ outgoing, done }: Exchange): Course {
  const over = (): void => {
    course.isOver = true;
    if (!outgoing.writableFinished) {
      course.giveUp?.();
      if (!outgoing.headersSent) course.status = CLIENT_GONE;
    }
    done(course.status);
  };
  const course: Course = {
    status: CLIENT_GONE,
    isOver: false,
    giveUp: undefined,
    notOver: onceOver(outgoing, over),
    answer: undefined,
  };
  return course;
}

/** Begins a request with Node's client. */
function begin(exchange: Exchange, course: Course, way: Way, send: (made: ComponentCall) => void): void {
  const { incoming, outgoing, passed, upstream, done, upgraded: join } = exchange;
  if (course.isOver) return;
  const again = () => {
    incoming.unpipe();
    begin(exchange, course, upstream.fresh, send);
  };
  const answered = (arrived: IncomingMessage) => {
    course.answer = arrived;
    course.status = respond(arrived, outgoing);
    // The rest of a body is no longer needed; Go's transport does the same. Node would not continue with it: after the
    // answer it no longer reports when the connection takes more.
    arrived.on('end', () => {
      if (!made.request.writableFinished) made.request.destroy();
    });
    made.request.on('close', () => {
      if (!incoming.complete) discardBody(incoming);
    });
  };
  const failed = (fault: ConnectionFault) => {
    if (made.sent === 'part' || !waitsForComponent(exchange, course, fault, again))
      componentFailed(exchange, course, fault);
  };
  const upgraded = join && {
    upgraded: (...agreed: Parameters<typeof join>) => {
      course.notOver();
      done(101);
      join(...agreed);
    },
  };
  const events = { answered, continued: () => outgoing.writeContinue(), failed, again, ...upgraded };
  let made: ComponentCall;
  try {
    made = callComponent(upstream, way, incoming.method ?? 'GET', passed, events);
  } catch {
    course.status = 400;
    refuse(outgoing, course.status, 'the request cannot be passed on unchanged');
    return;
  }
  course.giveUp = () => made.request.destroy();
  // Written before there is a connection, it would be kept and copied.
  made.request.once('socket', (socket) => {
    if (socket.destroyed) return;
    // If nothing listens, what was written earlier could not be written again.
    if (exchange.whileAway !== undefined && socket.connecting) socket.once('connect', () => send(made));
    else send(made);
  });
}

/** Sends a request of the ordinary kind. */
function sendDirectly(exchange: Exchange, course: Course, bytes: string, again: () => void): void {
  const { incoming, outgoing, passed, upstream } = exchange;
  if (course.isOver) return;
  const failed = (fault: ConnectionFault) => componentFailed(exchange, course, fault);
  const call = upstream.direct.call(bytes, {
    answered: (answer, body, isWhole) => {
      course.status = answer.status;
      respondOrdinary(answer, body, isWhole, outgoing);
    },
    more: (part, isLast) => {
      if (isLast) outgoing.end(part);
      else if (!outgoing.write(part)) {
        call.pause();
        outgoing.once('drain', call.resume);
      }
    },
    odd: (answer) => readOdd(exchange, course, answer),
    failed: ({ fault, socket, isReused, isAnswered }) => {
      if (!isReused || isAnswered) {
        if (isAnswered || !waitsForComponent(exchange, course, fault, again)) failed(fault);
        return;
      }
      const { method = 'GET' } = incoming;
      const attempt = {
        method,
        hasIdempotencyKey: passed.hasIdempotencyKey,
        isReused,
        sent: 'whole' as const,
      };
      againOrFailed(attempt, socket, fault, { again, failed });
    },
  });
  course.giveUp = call.destroy;
}

/** Lets Node's client read the answer to a request that was sent. */
function readOdd(exchange: Exchange, course: Course, { connection, keep }: OddAnswer): void {
  begin(exchange, course, connection, ({ request }) => {
    request.on('response', (answer) => {
      answer.on('end', () => {
        if (leavesConnection(answer)) keep();
      });
    });
    // Nothing more goes to the component.
    request.end();
  });
}

/** Whether the request waits for a component that refuses connections: nothing of it was sent then. */
function waitsForComponent(
  { whileAway, incoming, outgoing }: Exchange,
  course: Course,
  { code }: ConnectionFault,
  again: () => void,
): boolean {
  if (whileAway === undefined || code !== 'ECONNREFUSED' || course.isOver) return false;
  course.giveUp = undefined;
  whileAway(again, (answer) => {
    if (course.isOver) return;
    course.status = 503;
    answerSleeping(outgoing, answer);
    if (!incoming.complete) discardBody(incoming);
  });
  return true;
}

/** There is no answer, or no more of it. */
function componentFailed(
  { incoming, outgoing, upstream }: Exchange,
  course: Course,
  { code, message }: ConnectionFault,
): void {
  // Bytes after a complete answer spoil the connection, not the answer.
  if (course.answer?.complete === true) return;
  if (outgoing.headersSent) outgoing.destroy();
  else if (!outgoing.destroyed) {
    course.status = 502;
    const why = code ?? message;
    refuse(outgoing, course.status, `the component at port ${upstream.port} does not answer: ${why}`);
  }
  if (!incoming.complete) discardBody(incoming);
}

/**
 * Calls back once, when the answer is over or the client has disconnected. Only an answer with a connection emits its
 * end. Returns a function that removes the callback.
 */
export function onceOver(outgoing: ServerResponse, over: () => void): () => void {
  let isOver = false;
  outgoing.on('close', () => {
    if (isOver) return;
    isOver = true;
    over();
  });
  return () => {
    isOver = true;
  };
}

/** Reads the rest of a body, so that its client reads the answer and sends its next request. */
export function discardBody(incoming: IncomingMessage): void {
  incoming.unpipe();
  incoming.resume();
  const limit = setTimeout(() => incoming.socket.destroy(), LINGER).unref();
  incoming.once('close', () => clearTimeout(limit));
}
