import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

/** A request to a model server. */
export interface LoggedRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
  readonly chunked: boolean;
}

/** 200 requests of every kind that a model server gets. */
export const LOGGED_REQUESTS: readonly LoggedRequest[] = Array.from({ length: 200 }, (_, index) => {
  const json = { 'content-type': 'application/json', 'ce-id': `id-${index}` };
  const v1 = JSON.stringify({ instances: [[index, 1.5, 'ä']] });
  const post = {
    method: 'POST',
    path: `/v1/models/m${index}:predict`,
    headers: json,
    body: v1,
    chunked: false,
  };
  const kinds: readonly LoggedRequest[] = [
    post,
    { ...post, path: `/v2/models/m${index}/infer?x=1`, body: JSON.stringify({ inputs: [], id: `${index}` }) },
    { ...post, chunked: true, body: 'x'.repeat(100_000 + index) },
    { ...post, headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(v1) },
    { ...post, path: `/status/${[201, 400, 404, 500, 503][index % 5]}` },
    { ...post, headers: { 'ce-id': `id-${index}` } },
    { ...post, body: '' },
    { ...post, method: 'GET', path: '/v2/models', body: '', headers: { 'ce-id': `id-${index}` } },
    { ...post, headers: { ...json, 'x-request-id': `r${index}<&>`, 'X-TEAM': 'one', 'x-other': 'no' } },
    { ...post, path: '/gzip', headers: { ...json, 'accept-encoding': 'gzip' } },
    { ...post, path: '/chunked', headers: { ...json, 'content-type': 'application/octet-stream' } },
    { ...post, path: '/empty' },
    {
      ...post,
      headers: { ...json, 'content-type': 'text/plain; charset=latin1' },
      body: Buffer.from([0, 255, 10]),
    },
  ];
  return kinds[index % kinds.length]!;
});

/** A model server that answers with the received body, or with what the path requests. */
export async function startLoggedComponent(): Promise<{ readonly port: number; close(): void }> {
  const server: Server = createServer((incoming, outgoing) => {
    if (incoming.url === '/early') {
      incoming.resume();
      outgoing.flushHeaders();
      incoming.on('end', () => outgoing.end('early'));
      return;
    }
    void answer(incoming).then(({ status, headers, parts }) => {
      outgoing.writeHead(status, headers);
      for (const part of parts) outgoing.write(part);
      outgoing.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly parts: readonly (string | Buffer)[];
}

/** The component's answer: the received body, or what the path requests. */
async function answer(incoming: IncomingMessage): Promise<Reply> {
  const body = await buffer(incoming);
  const headers = { 'content-type': 'application/json' };
  const [, status] = /^\/status\/(\d+)/.exec(incoming.url ?? '') ?? [];
  if (status !== undefined) return { status: Number(status), headers, parts: ['{"error":"x"}'] };
  switch (incoming.url) {
    case '/gzip':
      return {
        status: 200,
        headers: { ...headers, 'content-encoding': 'gzip' },
        parts: [gzipSync('{"a":1}')],
      };
    case '/chunked':
      return { status: 200, headers, parts: Array.from({ length: 20 }, (_, index) => `part ${index} `) };
    case '/empty':
      return { status: 200, headers: { ...headers, 'content-length': '0' }, parts: [] };
  }
  return { status: 200, headers: { ...headers, 'content-length': String(body.length) }, parts: [body] };
}

/** Sends a request over its own connection, and returns the client's answer. */
export async function sendLogged(port: number, { path, method, headers, body, chunked }: LoggedRequest) {
  const length = chunked || method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) };
  const call = request({
    port,
    host: '127.0.0.1',
    path,
    method,
    headers: { ...headers, ...length },
    agent: false,
  });
  call.end(body);
  const [reply] = (await once(call, 'response')) as [IncomingMessage];
  return { status: reply.statusCode ?? 0, body: (await buffer(reply)).toString('latin1') };
}
