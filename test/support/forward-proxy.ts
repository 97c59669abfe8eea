import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface ForwardProxy {
  /** For HTTP_PROXY and HTTPS_PROXY. */
  readonly url: string;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** `GET http://…` and `CONNECT host:port` of all requests, in order. */
  readonly asked: readonly string[];
  /** `Proxy-Authorization` of the last request. */
  authorization(): string | undefined;
  /** Resets every open connection. */
  cutAll(): void;
  stop(): Promise<void>;
}

export interface ForwardProxyOptions {
  /** Requests with other credentials get 407. */
  readonly authorization?: string;
  /** The status of every answer to CONNECT. */
  readonly refuseWith?: number;
  /** Accepts connections and never answers. */
  readonly silent?: boolean;
  /** The proxy's own certificate, for connections to it over TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * A proxy as in a cluster: absolute URLs for http, CONNECT for https. Every name resolves to this machine's loopback
 * at the requested port, so that tests can have servers of any name.
 */
export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const asked: string[] = [];
  let authorization: string | undefined;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  /** The status of a refusal; undefined when the request is allowed. */
  const refusal = (request: IncomingMessage): number | undefined => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    authorization = request.headers['proxy-authorization'];
    const isKnown = options.authorization === undefined || options.authorization === authorization;
    return isKnown ? undefined : 407;
  };
  const server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
  server.on('connection', keep).on('secureConnection', keep);
  server.on('request', (request, response) => {
    const status = refusal(request);
    if (options.silent === true) return;
    if (status === undefined) forward(request, response);
    else response.writeHead(status).end();
  });
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    const status = refusal(request) ?? options.refuseWith;
    if (options.silent === true) return;
    if (status === undefined) tunnel(request, client, keep);
    else client.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}`,
    host,
    asked,
    authorization: () => authorization,
    cutAll: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** The proxies of one test. */
export interface ForwardProxies {
  start(options?: ForwardProxyOptions): Promise<ForwardProxy>;
  /** The proxies started since the last call. */
  stopAll(): Promise<unknown>;
}

export function forwardProxies(): ForwardProxies {
  const started: ForwardProxy[] = [];
  return {
    async start(options) {
      const proxy = await startForwardProxy(options);
      started.push(proxy);
      return proxy;
    },
    stopAll: () => Promise.all(started.splice(0).map((proxy) => proxy.stop())),
  };
}

/** The URL of a server on this machine, with a name that only a {@link ForwardProxy} resolves. */
export function named(url: string, name: string): string {
  return url.replace('127.0.0.1', name);
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '');
  const { method, headers } = request;
  const path = url.pathname + url.search;
  const onward = httpRequest({ host: '127.0.0.1', port: url.port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on('error', () => response.destroy()).pipe(response);
  });
  onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

function tunnel({ url = '' }: IncomingMessage, client: Socket, keep: (socket: Socket) => void): void {
  const server = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    client.pipe(server).pipe(client);
  });
  keep(server);
  server.on('error', () => client.destroy());
  client.on('close', () => server.destroy());
}
