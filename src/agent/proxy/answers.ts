import type { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { endToEndHeaders, headerValues } from './hop-by-hop.decide.ts';
import { FIELD_VALUE } from '../../lib/http-field.ts';
import type { OrdinaryAnswer } from './ordinary-answer.decide.ts';
import { passedAnswer } from './proxied-answer.decide.ts';
import { MAX_HEADERS } from './proxied-request.decide.ts';

/** Some of the names that no trailer may have, since they say how a message is read: RFC 9110 section 6.5.1. */
const NEVER_TRAILERS = new Set([
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'trailer',
  'host',
]);

/** Answers of the agent itself, in the format of the V2 protocol's errors. */
export function refuse(outgoing: ServerResponse, status: number, error: string): void {
  const body = JSON.stringify({ error });
  // With its own reason phrase: a head that could not be sent may have left its own.
  outgoing.writeHead(status, STATUS_CODES[status] ?? '', {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  outgoing.end(body);
}

/** Passes the answer on. Returns the status that the client sees. */
export function respond(answer: IncomingMessage, outgoing: ServerResponse): number {
  const status = answer.statusCode ?? 502;
  outgoing.sendDate = false;
  answer.on('error', () => outgoing.destroy());
  const { rawHeaders, httpVersionMinor: versionMinor } = answer;
  try {
    const headers = passedAnswer(
      { status, versionMinor, headers: rawHeaders },
      goesInChunks(answer, outgoing),
    );
    if (headers === undefined || rawHeaders.length / 2 > MAX_HEADERS) throw new Error('not to be passed on');
    outgoing.writeHead(status, reasonOf(answer, status), headers);
  } catch {
    answer.destroy();
    refuse(outgoing, 502, 'the answer of the component is not valid HTTP');
    return 502;
  }
  setImmediate(() => {
    // A streaming answer must reach the client at once, before its first byte of body.
    if (!answer.complete && answer.readableLength === 0) outgoing.flushHeaders();
    passBody(answer, outgoing);
  });
  return status;
}

/** The component's reason phrase, unless it is invalid in a status line. */
function reasonOf({ statusMessage = '' }: IncomingMessage, status: number): string {
  return FIELD_VALUE.test(statusMessage) ? statusMessage : (STATUS_CODES[status] ?? '');
}

/** Passes on an answer of the ordinary kind, with the bytes of its body so far. */
export function respondOrdinary(
  { status, reason, headers }: OrdinaryAnswer,
  body: Buffer,
  isWhole: boolean,
  outgoing: ServerResponse,
): void {
  outgoing.sendDate = false;
  outgoing.writeHead(status, reason, endToEndHeaders(headers, false));
  if (isWhole) outgoing.end(body.toString('latin1'), 'latin1');
  else if (body.length > 0) outgoing.write(body);
  // A streaming answer must reach the client at once, before its first byte of body.
  else outgoing.flushHeaders();
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

/**
 * Whether the connection can take another request after this answer: by the framing that RFC 9112 section 9.3 requires.
 */
export function leavesConnection({ headers, rawHeaders, httpVersion, statusCode }: IncomingMessage): boolean {
  const lengths = headerValues(rawHeaders, 'content-length').length;
  const codings = headerValues(rawHeaders, 'transfer-encoding').length;
  const hasNoBody = statusCode === 204 || statusCode === 304;
  return (
    httpVersion === '1.1' &&
    (lengths + codings === 1 || hasNoBody) &&
    (headers.connection ?? 'keep-alive').toLowerCase() === 'keep-alive' &&
    headers['keep-alive'] === undefined
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

export function endWith(message: OutgoingMessage, body: Buffer | null, trailers: readonly string[]): void {
  addTrailers(message, trailers);
  // As text, one character a byte: Node joins it with the head.
  if (body === null) message.end();
  else message.end(body.toString('latin1'), 'latin1');
}

export function addTrailers(
  message: { addTrailers(trailers: readonly [string, string][]): void },
  raw: readonly string[],
): void {
  if (raw.length === 0) return;
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    if (!NEVER_TRAILERS.has((raw[index] ?? '').toLowerCase()))
      pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  message.addTrailers(pairs);
}
