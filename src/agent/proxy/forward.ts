import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingMessage,
  request,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { seconds } from '../../core/clock.ts';
import { endToEndHeaders, headerValue } from '../../core/hop-by-hop.ts';

/** Where requests go, over which connections. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
}

/** How a forwarded request ended: the status that the client saw, 499 when the client went away first. */
export type Forwarded = (status: number) => void;

/** nginx's status for a client that did not wait; it appears in metrics only. */
const CLIENT_GONE = 499;

/**
 * How long a client may go on sending a body that nobody wants any more. It has to be read: many clients look at the answer
 * only when they have sent all.
 */
const LINGER = seconds(30);

/**
 * Forwards one request and streams the answer back, trailers included. Of body and answer no more is held in memory
 * than Node reads at a time; a client that goes away ends the request at the component, and a component that breaks off
 * ends the client's connection, so that a cut answer is not taken for a whole one.
 */
export function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  upstream: Upstream,
  done: Forwarded,
): void {
  let status = CLIENT_GONE;
  const call = callOf(incoming, upstream);
  onceOver(incoming, outgoing, () => {
    if (!outgoing.writableFinished) {
      call?.destroy();
      if (!outgoing.headersSent) status = CLIENT_GONE;
    }
    done(status);
  });
  if (call === undefined) {
    status = 400;
    refuse(outgoing, status, 'the request cannot be passed on as it is');
    return;
  }
  call.on('continue', () => outgoing.writeContinue());
  call.on('response', (answer) => {
    status = respond(answer, outgoing);
  });
  call.on('error', (error: NodeJS.ErrnoException) => {
    if (outgoing.headersSent) outgoing.destroy();
    else if (!outgoing.destroyed) {
      status = 502;
      const why = error.code ?? error.message;
      refuse(outgoing, status, `the component at port ${upstream.port} does not answer: ${why}`);
    }
  });
  call.on('close', () => {
    if (!incoming.complete) readToNobody(incoming);
  });
  setImmediate(passBody, incoming, call);
}

/** The request as it goes on; undefined when Node refuses to make it. */
function callOf(incoming: IncomingMessage, { host, port, agent }: Upstream): ClientRequest | undefined {
  try {
    return request({
      host,
      port,
      agent,
      method: incoming.method ?? 'GET',
      path: incoming.url ?? '/',
      headers: requestHeaders(incoming),
      // The client's Host is among the headers.
      setHost: false,
    });
  } catch {
    return undefined;
  }
}

/**
 * Calls back once, when the answer is over or the client has gone: an answer that waits for the one before it is told of
 * nothing when its connection ends.
 */
function onceOver({ socket }: IncomingMessage, outgoing: ServerResponse, over: () => void): void {
  let isOver = false;
  const end = (): void => {
    // The end of the connection tells of itself, and by way of the answer at the same time.
    if (isOver) return;
    isOver = true;
    outgoing.off('close', end);
    socket.off('close', end);
    over();
  };
  outgoing.on('close', end);
  socket.on('close', end);
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

function requestHeaders(incoming: IncomingMessage): string[] {
  const { rawHeaders } = incoming;
  const isChunked = headerValue(rawHeaders, 'transfer-encoding') !== undefined;
  // Node throws where trailers are announced and no chunks come.
  const headers = endToEndHeaders(rawHeaders, isChunked);
  // The length of the body is said by one of the two; Node's parser has refused requests that carry both.
  if (isChunked) headers.push('Transfer-Encoding', 'chunked');
  if (/\btrailers\b/i.test(headerValue(rawHeaders, 'te') ?? '')) headers.push('TE', 'trailers');
  const client = incoming.socket.remoteAddress;
  if (client !== undefined) headers.push('X-Forwarded-For', client.replace(/^::ffff:/, ''));
  headers.push('Connection', 'keep-alive');
  return headers;
}

/** Passes the answer on; returns the status that the client sees. */
function respond(answer: IncomingMessage, outgoing: ServerResponse): number {
  const status = answer.statusCode ?? 502;
  outgoing.sendDate = false;
  answer.on('error', () => outgoing.destroy());
  try {
    const headers = endToEndHeaders(answer.rawHeaders, goesInChunks(answer, outgoing));
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
    headerValue(rawHeaders, 'transfer-encoding') !== undefined
  );
}

/**
 * To be called once the turn of the event loop that read the head is over: what came with it has been read by then. A
 * message that is whole goes on in one write, which is half of what forwarding a small one costs; any other as it comes.
 */
function passBody(from: IncomingMessage, to: OutgoingMessage): void {
  if (to.destroyed) return;
  if (!from.complete) {
    from.on('end', () => addTrailers(to, from.rawTrailers));
    from.pipe(to);
    return;
  }
  addTrailers(to, from.rawTrailers);
  const body = from.read() as Buffer | null;
  // As text, byte by byte: Node joins it with the head.
  if (body === null) to.end();
  else to.end(body.toString('latin1'), 'latin1');
}

/** Registered before the pipe, so that trailers are in place when the pipe ends the message. */
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
