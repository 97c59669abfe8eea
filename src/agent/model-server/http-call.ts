import { Agent, request } from 'node:http';
import type { Milliseconds } from '../../lib/clock.ts';
import { readSoundHead } from '../../lib/read-sound-head.ts';
import { READ_ANSWERS } from '../proxy/proxied-answer.decide.ts';

/** An answer with its whole body, or the reason why there is none. */
export type HttpAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  | { readonly kind: 'none'; readonly code: string; readonly message: string };

export type HttpCall = (
  method: 'GET' | 'POST',
  path: string,
  timeout: Milliseconds,
  body?: string,
) => Promise<HttpAnswer>;

/** An index of 10,000 models is about 1 MiB. Anything above this is not a valid answer. */
const LARGEST_ANSWER_BYTES = 32 * 1024 * 1024;

/** Makes calls to one server over kept connections. The base URL is plain http: the model server is in the same pod. */
export function httpCaller(baseUrl: URL): HttpCall {
  // uvicorn, in MLServer and KServe's servers, closes a connection after 5 s idle. We close earlier, to avoid the race.
  const agent = new Agent({ keepAlive: true, timeout: 3_000 });
  return (method, path, timeout, body) =>
    new Promise((resolve) => {
      const headers =
        body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const call = request(new URL(path, baseUrl), { method, agent, headers, ...READ_ANSWERS });
      const failed = (code: string, message: string) => {
        resolve({ kind: 'none', code, message });
        call.destroy();
      };
      const timer = setTimeout(() => failed('ETIMEDOUT', `no answer within ${timeout} ms`), timeout);
      call.on('socket', (socket) => readSoundHead(socket, READ_ANSWERS.maxHeaderSize));
      call.on('close', () => {
        clearTimeout(timer);
        // Node reports an answer that switches protocols by this event only.
        failed('EPROTO', 'the server speaks another protocol than HTTP');
      });
      call.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? 'EUNKNOWN', error.message));
      call.on('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST_ANSWER_BYTES) failed('EMSGSIZE', 'the answer is longer than 32 MiB');
          else chunks.push(chunk);
        });
        response.on('error', (error: NodeJS.ErrnoException) =>
          failed(error.code ?? 'EUNKNOWN', error.message),
        );
        response.on('end', () =>
          resolve({
            kind: 'answer',
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      call.end(body);
    });
}
