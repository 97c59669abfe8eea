import {
  type Agent,
  type IncomingMessage,
  type OutgoingMessage,
  request,
  type ServerResponse,
} from 'node:http';
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
  const { host, port, agent } = upstream;
  const call = request({
    host,
    port,
    agent,
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: requestHeaders(incoming),
    // The client's Host is among the headers.
    setHost: false,
  });
  let status = CLIENT_GONE;
  call.on('continue', () => outgoing.writeContinue());
  call.on('response', (answer) => {
    status = answer.statusCode ?? 502;
    respond(answer, outgoing);
  });
  call.on('error', (error: NodeJS.ErrnoException) => {
    if (outgoing.headersSent) outgoing.destroy();
    else if (!outgoing.destroyed) {
      status = 502;
      refuse(outgoing, 502, `the component at port ${port} does not answer: ${error.code ?? error.message}`);
    }
  });
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) {
      call.destroy();
      if (!outgoing.headersSent) status = CLIENT_GONE;
    }
    done(status);
  });
  setImmediate(passBody, incoming, call);
}

/** Answers in the agent's own name, in the shape of the V2 protocol's errors. */
export function refuse(outgoing: ServerResponse, status: number, error: string): void {
  const body = JSON.stringify({ error });
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  outgoing.end(body);
}

function requestHeaders(incoming: IncomingMessage): string[] {
  const { rawHeaders } = incoming;
  const headers = endToEndHeaders(rawHeaders);
  // The length of the body is said by one of the two; Node's parser has refused requests that carry both.
  if (headerValue(rawHeaders, 'transfer-encoding') !== undefined)
    headers.push('Transfer-Encoding', 'chunked');
  if (/\btrailers\b/i.test(headerValue(rawHeaders, 'te') ?? '')) headers.push('TE', 'trailers');
  const client = incoming.socket.remoteAddress;
  if (client !== undefined) headers.push('X-Forwarded-For', client.replace(/^::ffff:/, ''));
  headers.push('Connection', 'keep-alive');
  return headers;
}

function respond(answer: IncomingMessage, outgoing: ServerResponse): void {
  const headers = endToEndHeaders(answer.rawHeaders);
  outgoing.sendDate = false;
  outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers);
  answer.on('error', () => outgoing.destroy());
  setImmediate(() => {
    // Streaming answers must show at once, before their first byte of body.
    if (!answer.complete && answer.readableLength === 0) outgoing.flushHeaders();
    passBody(answer, outgoing);
  });
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
