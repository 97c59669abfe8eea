import {
  type Agent,
  type IncomingMessage,
  type OutgoingMessage,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { seconds } from '../../core/clock.ts';
import { headerValues } from '../../core/hop-by-hop.ts';
import { passedAnswer } from '../../core/proxied-answer.ts';
import { MAX_HEADERS, type PassedRequest } from '../../core/proxied-request.ts';
import { callComponent, type ComponentCall, isOnePiece, type Upstream } from './component-call.ts';

/** A request on its way. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** What the component gets. */
  readonly passed: PassedRequest;
  readonly upstream: Upstream;
  /** The component speaks another protocol from now on; only a request to upgrade has this. */
  readonly upgraded?: (answer: IncomingMessage, component: Socket, head: Buffer) => void;
  /** How it ended: the status that the client saw, 499 when the client went away first. */
  readonly done: (status: number) => void;
}

/** nginx's status for a client that did not wait; it appears in metrics only. */
export const CLIENT_GONE = 499;

/**
 * How long a client may go on sending a body that nobody wants any more. It has to be read: many clients look at the answer
 * only when they have sent all.
 */
const LINGER = seconds(30);

/** A body that is known to be no longer is sent once it is there: it can then be sent again. */
const SHORT_BODY = 8 * 1024;

/**
 * Forwards one request and streams the answer back, trailers included. Of body and answer no more is held in memory
 * than Node reads at a time; a client that goes away ends the request at the component, and a component that breaks off
 * ends the client's connection, so that a cut answer is not taken for a whole one. A request that met a connection just as
 * the component closed it is sent once more where it cannot have been acted on.
 */
export function forward(exchange: Exchange): void {
  const { incoming, outgoing, passed, upstream, done } = exchange;
  let status = CLIENT_GONE;
  let isOver = false;
  let call: ComponentCall | undefined;
  let answer: IncomingMessage | undefined;
  const notOver = onceOver(incoming, outgoing, () => {
    isOver = true;
    if (!outgoing.writableFinished) {
      call?.request.destroy();
      if (!outgoing.headersSent) status = CLIENT_GONE;
    }
    done(status);
  });
  const begin = (agent: Agent, send: (made: ComponentCall) => void): void => {
    if (isOver) return;
    const again = () => {
      incoming.unpipe();
      begin(upstream.fresh, send);
    };
    const failed = (error: NodeJS.ErrnoException) => {
      // What comes after an answer that is whole spoils the connection, not the answer.
      if (answer?.complete === true) return;
      if (outgoing.headersSent) outgoing.destroy();
      else if (!outgoing.destroyed) {
        status = 502;
        const why = error.code ?? error.message;
        refuse(outgoing, status, `the component at port ${upstream.port} does not answer: ${why}`);
      }
      if (!incoming.complete) readToNobody(incoming);
    };
    const answered = (arrived: IncomingMessage) => {
      answer = arrived;
      status = respond(arrived, outgoing);
      call?.request.on('close', () => {
        if (!incoming.complete) readToNobody(incoming);
      });
    };
    const { upgraded: join } = exchange;
    const upgraded = join && {
      upgraded: (...agreed: Parameters<typeof join>) => {
        notOver();
        done(101);
        join(...agreed);
      },
    };
    const events = { answered, continued: () => outgoing.writeContinue(), failed, again, ...upgraded };
    try {
      call = callComponent(upstream, agent, incoming.method ?? 'GET', passed, events);
    } catch {
      status = 400;
      refuse(outgoing, status, 'the request cannot be passed on as it is');
      return;
    }
    const made = call;
    // Written before there is a connection, it would be kept and copied.
    made.request.once('socket', ({ destroyed }) => {
      if (!destroyed) send(made);
    });
  };
  // Once the turn of the event loop that read the head is over, what came with it has been read too.
  setImmediate(sendBody, exchange, begin);
}

/**
 * Sends the request in the way that its body allows. A message that is whole goes on in one write, which is half of what
 * forwarding a small one costs; any other as it comes.
 */
function sendBody(
  { incoming, outgoing, passed, upstream, upgraded }: Exchange,
  begin: (agent: Agent, send: (call: ComponentCall) => void) => void,
): void {
  const { headers, httpVersionMinor } = incoming;
  const sendWhole = (body: Buffer | null): void => {
    const sent = isOnePiece(passed, body?.length ?? 0) ? 'whole' : 'kept';
    // A connection that changes its protocol is nobody else's afterwards.
    begin(upgraded === undefined ? upstream.kept : upstream.fresh, (call) => {
      onceAlive(call, sent === 'kept', () => {
        call.sent = sent;
        endWith(call.request, body, incoming.rawTrailers);
      });
    });
  };
  if (incoming.complete) {
    // It came unasked for; without this Node would close the connection, for a body that might still come.
    if (headers.expect !== undefined && httpVersionMinor > 0) outgoing.writeContinue();
    sendWhole(incoming.read() as Buffer | null);
  } else if (headers.expect !== undefined) {
    // The head goes first, so a kept connection would be a risk.
    begin(upstream.fresh, (call) => pipeBody(incoming, call));
  } else if (Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= SHORT_BODY) {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => sendWhole(Buffer.concat(chunks)));
  } else begin(upstream.kept, (call) => pipeBody(incoming, call));
}

/**
 * Sends what may be too much to be sent again: not before the loop has looked once more whether the connection has ended.
 */
function onceAlive({ request }: ComponentCall, isMuch: boolean, send: () => void): void {
  if (!isMuch || !request.reusedSocket) send();
  else
    setImmediate(() => {
      if (!request.destroyed) send();
    });
}

function pipeBody(incoming: IncomingMessage, call: ComponentCall): void {
  const { request } = call;
  onceAlive(call, true, () => {
    // Registered before the pipe, so that trailers are in place when the pipe ends the message.
    incoming
      .once('data', () => (call.sent = 'part'))
      .on('end', () => addTrailers(request, incoming.rawTrailers))
      .pipe(request);
  });
}

/**
 * Calls back once, when the answer is over or the client has gone: an answer that waits for the one before it is told of
 * nothing when its connection ends. Returns what takes this back.
 */
export function onceOver(
  { socket }: IncomingMessage,
  outgoing: ServerResponse,
  over: () => void,
): () => void {
  let isOver = false;
  const forget = (): void => {
    isOver = true;
    outgoing.off('close', end);
    socket.off('close', end);
  };
  const end = (): void => {
    // The end of the connection tells of itself, and by way of the answer at the same time.
    if (isOver) return;
    forget();
    over();
  };
  outgoing.on('close', end);
  socket.on('close', end);
  return forget;
}

/** Reads the rest of a body, so that its client comes to read the answer, and the connection to its next request. */
function readToNobody(incoming: IncomingMessage): void {
  incoming.unpipe();
  incoming.resume();
  const limit = setTimeout(() => incoming.socket.destroy(), LINGER).unref();
  incoming.once('close', () => clearTimeout(limit));
}

/** Answers in the agent's own name, in the shape of the V2 protocol's errors. */
export function refuse(outgoing: ServerResponse, status: number, error: string): void {
  const body = JSON.stringify({ error });
  // In words of its own too: a head that could not be sent may have left some of its.
  outgoing.writeHead(status, STATUS_CODES[status] ?? '', {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  outgoing.end(body);
}

/** Passes the answer on; returns the status that the client sees. */
export function respond(answer: IncomingMessage, outgoing: ServerResponse): number {
  const status = answer.statusCode ?? 502;
  outgoing.sendDate = false;
  answer.on('error', () => outgoing.destroy());
  const { rawHeaders, httpVersionMinor: versionMinor } = answer;
  try {
    const headers = passedAnswer({ versionMinor, headers: rawHeaders }, goesInChunks(answer, outgoing));
    if (headers === undefined || rawHeaders.length / 2 > MAX_HEADERS) throw new Error('not to be passed on');
    outgoing.writeHead(status, answer.statusMessage ?? '', headers);
  } catch {
    answer.destroy();
    refuse(outgoing, 502, 'the component gave an answer that is no HTTP');
    return 502;
  }
  setImmediate(() => {
    // Streaming answers must show at once, before their first byte of body.
    if (!answer.complete && answer.readableLength === 0) outgoing.flushHeaders();
    passBody(answer, outgoing);
  });
  return status;
}

/** Whether the answer goes on as it came: in chunks. */
function goesInChunks({ rawHeaders, statusCode }: IncomingMessage, outgoing: ServerResponse): boolean {
  const hasBody = outgoing.req.method !== 'HEAD' && statusCode !== 204 && statusCode !== 304;
  return (
    hasBody &&
    outgoing.useChunkedEncodingByDefault &&
    headerValues(rawHeaders, 'transfer-encoding').length > 0
  );
}

function passBody(from: IncomingMessage, to: OutgoingMessage): void {
  if (to.destroyed) return;
  if (from.complete) endWith(to, from.read() as Buffer | null, from.rawTrailers);
  else {
    from.on('end', () => addTrailers(to, from.rawTrailers));
    from.pipe(to);
  }
}

function endWith(message: OutgoingMessage, body: Buffer | null, trailers: readonly string[]): void {
  addTrailers(message, trailers);
  // As text, byte by byte: Node joins it with the head.
  if (body === null) message.end();
  else message.end(body.toString('latin1'), 'latin1');
}

function addTrailers(
  message: { addTrailers(trailers: readonly [string, string][]): void },
  raw: readonly string[],
): void {
  if (raw.length === 0) return;
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  message.addTrailers(pairs);
}
