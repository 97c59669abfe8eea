import type { IncomingMessage, ServerResponse } from 'node:http';
import { milliseconds, type Clock } from '../lib/clock.ts';
import type { BodyBudget, BodyShare } from '../lib/body-budget.ts';
import type { JsonExcess, JsonMeter } from '../lib/json-meter.ts';

export type RequestBody =
  | { readonly kind: 'complete'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** It exceeds the meter; `start` is the part that was read. */
  | { readonly kind: 'too-much'; readonly excess: JsonExcess; readonly start: Buffer }
  /** Others needed its memory. */
  | { readonly kind: 'lost' }
  /** The client has disconnected and reads no answer. */
  | { readonly kind: 'aborted' };

interface BodyReading {
  /** In bytes. */
  readonly limit: number;
  /** The announced number of bytes. NaN if there is none. */
  readonly announced: number;
  readonly budget: BodyBudget;
  readonly meter: JsonMeter;
}

/** The first buffer of a body; most reviews need no more. */
const FIRST_BYTES = 16 * 1024;

/**
 * Reads a body up to its limits and stops there. body-parser does not fit: over its limit it reads an endless body to
 * its end before it reports. The pieces are copied into one buffer: if a sender made them a byte long, they would take
 * a hundred times their size. The receiver of a complete body releases its share.
 */
export function readBody(
  request: IncomingMessage,
  { limit, announced, budget, meter }: BodyReading,
): Promise<{ readonly body: RequestBody; readonly share: BodyShare }> {
  return new Promise((resolve) => {
    let buffer: Buffer = Buffer.alloc(0);
    let length = 0;
    const share = budget.open(() => settle({ kind: 'lost' }));
    let settled = false;
    const settle = (body: RequestBody): void => {
      if (settled) return;
      settled = true;
      request.removeListener('data', take);
      if (body.kind === 'complete') share.complete();
      else share.release();
      resolve({ body, share });
    };
    const take = (chunk: Buffer): void => {
      if (chunk.length === announced && announced <= FIRST_BYTES && share.grow(FIRST_BYTES)) {
        takeWhole(chunk);
        return;
      }
      const needed = length + chunk.length;
      if (needed > limit) {
        settle({ kind: 'too-large' });
        return;
      }
      if (needed > buffer.length) {
        const capacity = Math.min(limit, Math.max(FIRST_BYTES, 2 * buffer.length, needed));
        if (!share.grow(capacity)) {
          settle({ kind: 'lost' });
          return;
        }
        const larger = Buffer.allocUnsafeSlow(capacity);
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      chunk.copy(buffer, length);
      length = needed;
      see(chunk);
    };
    /** Most come in one piece, which need not be copied. */
    const takeWhole = (chunk: Buffer): void => {
      buffer = chunk;
      length = chunk.length;
      see(chunk);
    };
    const see = (chunk: Buffer): void => {
      const excess = meter.add(chunk);
      if (excess !== undefined) settle({ kind: 'too-much', excess, start: buffer.subarray(0, length) });
    };
    request.on('data', take);
    request.once('end', () => settle({ kind: 'complete', bytes: buffer.subarray(0, length) }));
    request.once('error', () => settle({ kind: 'aborted' }));
    request.once('close', () => settle({ kind: 'aborted' }));
  });
}

/** How long a client may keep sending bytes that are discarded before the connection is closed. */
const LINGER = milliseconds(500);

/** Answers with JSON. The connection stays open for the next request. */
export function answerJson(response: ServerResponse, status: number, json: string): void {
  const length = Buffer.byteLength(json);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length });
  // Most answers are ASCII, which Node copies instead of encoding it.
  response.end(json, length === json.length ? 'latin1' : 'utf8');
}

/**
 * Answers a request whose body was not read to its end, and closes the connection. Closing at once would reset it while
 * the client is still writing, and the answer would be lost, so its bytes are discarded for a while.
 */
export function answerAndHangUp(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  answer: { readonly status: number; readonly contentType: string; readonly text: string },
): void {
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType,
    'Content-Length': Buffer.byteLength(answer.text),
    Connection: 'close',
  });
  if (request.complete) {
    response.end(answer.text);
    return;
  }
  response.write(answer.text);
  const sent = new AbortController();
  request.once('end', () => sent.abort());
  request.once('close', () => sent.abort());
  request.resume();
  void clock.sleep(LINGER, sent.signal).then(() => response.end());
}
