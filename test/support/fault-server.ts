import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface GeneratedFile {
  readonly bytes?: number;
  /** False: no Content-Length, so that the size is known only at the end. */
  readonly announce?: boolean;
  /** A wrong Content-Length. */
  readonly announceBytes?: number;
  /** Sends this many bytes and then nothing more. */
  readonly hangAfter?: number;
  /** Sends this many bytes and continues when `resume` is called. */
  readonly pauseAfter?: number;
}

/** A web server on loopback that misbehaves on demand. Every call returns a new URL. */
export interface FaultServer {
  readonly url: string;
  /** @param path the end of the URL, such as `model.tar.gz` */
  serve(path: string, handler: Handler): string;
  /** Serves at exactly this path. */
  serveAt(pathname: string, handler: Handler): void;
  body(path: string, body: Uint8Array | string, headers?: Readonly<Record<string, string>>): string;
  file(file: GeneratedFile): string;
  resume(): void;
  /** Requests so far. */
  readonly requests: readonly IncomingMessage[];
  stop(): Promise<void>;
}

const BLOCK = Buffer.from(Array.from({ length: 64 * 1024 }, (_, index) => (index * 7919) & 255));

/** @param tls a certificate and its key, for https */
export async function startFaultServer(tls?: {
  readonly cert: string;
  readonly key: string;
}): Promise<FaultServer> {
  const handlers = new Map<string, Handler>();
  const requests: IncomingMessage[] = [];
  const { promise: resumed, resolve: resume } = Promise.withResolvers<undefined>();
  const server = tls === undefined ? createServer() : createSecureServer(tls);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request);
    const handler = handlers.get(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (handler === undefined) response.writeHead(404).end();
    else void Promise.resolve(handler(request, response)).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const serve: FaultServer['serve'] = (path, handler) => {
    const pathname = `/${handlers.size}/${path}`;
    handlers.set(pathname, handler);
    return url + pathname;
  };
  return {
    url,
    requests,
    serve,
    serveAt: (pathname, handler) => void handlers.set(pathname, handler),
    body: (path, body, headers = {}) =>
      serve(path, (_, response) => void response.writeHead(200, headers).end(body)),
    file: (file) => serve('model.bin', (_, response) => sendGenerated(response, file, resumed)),
    resume: () => resume(undefined),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function sendGenerated(
  response: ServerResponse,
  file: GeneratedFile,
  resumed: Promise<undefined>,
): Promise<void> {
  const { bytes = 2 ** 30, announce = true, announceBytes = bytes, hangAfter, pauseAfter } = file;
  if (announce) response.setHeader('content-length', announceBytes);
  const [first, last] = [Math.min(hangAfter ?? pauseAfter ?? bytes, bytes), bytes];
  await send(response, first);
  if (hangAfter !== undefined) return;
  if (pauseAfter !== undefined) await resumed;
  await send(response, last - first);
  response.end();
}

async function send(response: ServerResponse, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes && !response.destroyed; sent += BLOCK.length) {
    const more = response.write(BLOCK.subarray(0, Math.min(BLOCK.length, bytes - sent)));
    if (!more) await drained(response);
  }
}

/** Waits until the client has received the data or disconnected. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Sends one byte every `everyMs` milliseconds, without end. */
export function trickle(everyMs: number): Handler {
  return async (_, response) => {
    response.writeHead(200, { 'content-length': 1_000_000 });
    while (!response.destroyed) {
      response.write('x');
      await sleep(everyMs);
    }
  };
}
