import type { IncomingMessage, ServerResponse } from 'node:http';
import { milliseconds, type Clock } from '../core/clock.ts';

export type RequestBody =
  | { readonly kind: 'complete'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** The client went away; there is nobody to answer. */
  | { readonly kind: 'aborted' };

/**
 * Reads a body up to a limit in bytes and stops there. body-parser is no choice: over its limit it reads an endless
 * body to its end before it says so.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<RequestBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (body: RequestBody): void => {
      request.removeAllListeners('data');
      resolve(body);
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > limit) settle({ kind: 'too-large' });
    });
    request.once('end', () => {
      settle({
        kind: 'complete',
        bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
      });
    });
    request.once('error', () => settle({ kind: 'aborted' }));
    request.once('close', () => settle({ kind: 'aborted' }));
  });
}

/** How long a client may go on sending what nobody will look at before the connection is cut. */
const LINGER = milliseconds(500);

/** Answers with JSON. The connection is kept for the next request. */
export function answerJson(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(json),
  });
  response.end(json);
}

/**
 * Answers a request whose body was not read to its end, and hangs up. Closing at once would reset the connection
 * while the client is still writing, and the answer would be lost with it; so its bytes are thrown away for a while.
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
