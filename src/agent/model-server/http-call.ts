import type { ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { basicAuthorization } from '../../lib/basic-authorization.ts';
import { type Milliseconds, seconds } from '../../lib/clock.ts';
import { keepConnections } from '../proxy/kept-connections.ts';
import { readOdd } from '../proxy/odd-answer.ts';
import { READ_ANSWERS } from '../proxy/proxied-answer.decide.ts';
import { bareHost } from '../sources/connection.ts';

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

/** uvicorn, in MLServer and KServe's servers, closes a connection after 5 s idle. We close earlier, to avoid the race. */
const IDLE = seconds(3);

/**
 * Makes calls to one server over kept connections. The base URL is plain http: the model server is in the same pod. They are
 * made by the proxy's own code: with Node's client, the loads of 90 small models were a tenth of the work.
 */
export function httpCaller(baseUrl: URL): HttpCall {
  const { hostname, port, host } = baseUrl;
  const { authorization } = basicAuthorization(baseUrl);
  const to = { host: bareHost(hostname), port: Number(port || 80), noDelay: true };
  const connections = keepConnections(() => connect(to), IDLE);
  const login = authorization === undefined ? '' : `authorization: ${authorization}\r\n`;
  const everyTime = `host: ${host}\r\nconnection: keep-alive\r\n${login}`;
  return (method, path, timeout, body) =>
    new Promise((resolve) => {
      let status = 0;
      const parts: Buffer[] = [];
      let size = 0;
      let reading: ClientRequest | undefined;
      const end = (answer: HttpAnswer): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      const failed = (code: string | undefined, message: string): void => {
        end({ kind: 'none', code: code ?? 'EUNKNOWN', message });
        call.destroy();
        reading?.destroy();
      };
      const take = (part: Buffer): void => {
        size += part.length;
        if (size > LARGEST_ANSWER_BYTES) failed('EMSGSIZE', 'the answer is longer than 32 MiB');
        else parts.push(part);
      };
      const whole = (): void => end({ kind: 'answer', status, body: Buffer.concat(parts).toString() });
      const timer = setTimeout(() => failed('ETIMEDOUT', `no answer within ${timeout} ms`), timeout);
      const call = connections.call(requestText(`${method} ${path}`, everyTime, body), {
        answered: (answer, part, isWhole) => {
          ({ status } = answer);
          take(part);
          if (isWhole) whole();
        },
        more: (part, isLast) => {
          take(part);
          if (isLast) whole();
        },
        odd: (answer) => {
          reading = readOdd(answer, { method, ...READ_ANSWERS });
          reading.on('error', ({ code, message }: NodeJS.ErrnoException) => failed(code, message));
          // Node reports an answer that switches protocols by this event only.
          reading.on('close', () => {
            if (status === 0) failed('EPROTO', 'the server speaks another protocol than HTTP');
          });
          reading.on('response', (response) => {
            status = response.statusCode ?? 0;
            response.on('data', take);
            response.on('error', ({ code, message }: NodeJS.ErrnoException) => failed(code, message));
            response.on('end', whole);
          });
        },
        failed: ({ fault: { code, message } }) => failed(code, message),
      });
    });
}

/** One character a byte. */
function requestText(start: string, lines: string, body: string | undefined): string {
  const head = `${start} HTTP/1.1\r\n${lines}`;
  if (body === undefined) return `${head}\r\n`;
  const bytes = Buffer.from(body).toString('latin1');
  return `${head}content-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`;
}
