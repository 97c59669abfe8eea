import { type IncomingHttpHeaders, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { Milliseconds } from '../../lib/clock.ts';

/** A server's answer to a POST. */
interface PostAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface PostOptions extends Pick<RequestOptions, 'headers' | 'agent'> {
  readonly signal: AbortSignal;
  /** How long the whole call may take. */
  readonly within: Milliseconds;
}

/**
 * Sends data by http or https and reads the whole answer, whatever its status.
 * @throws the error of the connection, of the signal, or of the time limit
 */
export function post(url: URL, data: Buffer, { within, ...options }: PostOptions): Promise<PostAnswer> {
  const made = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(within)]);
  return new Promise((resolve, reject) => {
    const call = made(url, { ...options, method: 'POST', signal });
    call.on('error', reject);
    let isAnswered = false;
    call.on('response', (answer) => {
      isAnswered = true;
      const { statusCode: status = 0, headers } = answer;
      buffer(answer).then((body) => resolve({ status, headers, body }), reject);
    });
    // Node reports an answer that switches protocols by this event only.
    call.on('close', () => {
      if (!isAnswered) reject(new Error('the answer is in another protocol than HTTP'));
    });
    call.end(data);
  });
}
