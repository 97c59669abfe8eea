import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { httpCaller } from '../../../src/agent/model-server/http-call.ts';
import { askComponents } from '../../../src/agent/readiness.ts';
import { milliseconds } from '../../../src/lib/clock.ts';
import { type RawServer, startRawServer } from '../../support/raw-server.ts';

const CHUNKS = '2\r\n[]\r\n0\r\n\r\n';

describe('a response of the model server to the agent itself', () => {
  let server: Server;
  afterEach(() => void server.close());

  async function answering(bytes: string): Promise<number> {
    server = createServer(
      (socket) => void socket.on('error', () => undefined).once('data', () => socket.end(bytes)),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  it.each([
    ['a length and chunks', `Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`],
    ['chunks and a wrong length', `Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n${CHUNKS}`],
    ['a repeated length', 'Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]'],
    ['blanks before a colon', 'A : b\r\nContent-Length : 2\r\n\r\n[]'],
    ['a head of 100 kB', `A: ${'a'.repeat(100_000)}\r\nContent-Length: 2\r\n\r\n[]`],
  ])('is read, also by the readiness probe: %s', async (_, rest) => {
    const port = await answering(`HTTP/1.1 200 OK\r\n${rest}`);
    const call = httpCaller(new URL(`http://127.0.0.1:${port}`));
    expect(await call('GET', '/v2', milliseconds(10_000))).toEqual({
      kind: 'answer',
      status: 200,
      body: '[]',
    });
    const probe = {
      host: '127.0.0.1',
      port,
      path: '/',
      scheme: 'http',
      headers: [],
      timeoutSeconds: 10,
    } as const;
    expect(await askComponents([{ kind: 'http', ...probe }])).toBeUndefined();
  });

  it.each([
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['not HTTP', 'hello\r\n\r\n'],
    ['nothing', ''],
  ])('fails at once when it is invalid, also for the probe: %s', async (_, bytes) => {
    const port = await answering(bytes);
    const call = httpCaller(new URL(`http://127.0.0.1:${port}`));
    expect(await call('GET', '/v2', milliseconds(100_000))).toMatchObject({ kind: 'none' });
    const probe = {
      host: '127.0.0.1',
      port,
      path: '/',
      scheme: 'http',
      headers: [],
      timeoutSeconds: 100,
    } as const;
    expect(await askComponents([{ kind: 'http', ...probe }])).toMatch(/127\.0\.0\.1/);
  });
});

describe('calls to the model server', () => {
  let respond: (socket: Socket, request: string) => void;
  let raw: RawServer;
  let url: URL;

  beforeEach(async () => {
    respond = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
    raw = await startRawServer((socket, request) => respond(socket, request));
    url = new URL(`http://127.0.0.1:${raw.port}`);
  });
  afterEach(() => raw.stop());

  const long = milliseconds(10_000);
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

  it('go in one write each, over one connection', async () => {
    const call = httpCaller(url);
    expect(await call('POST', '/v2/x', long, '{"ä":1}')).toEqual({ kind: 'answer', status: 200, body: '{}' });
    expect(await call('GET', '/v2', long)).toMatchObject({ kind: 'answer' });
    const lines = `host: ${url.host}\r\nconnection: keep-alive\r\n`;
    const body = Buffer.from('{"ä":1}').toString('latin1');
    expect(raw.requests).toEqual([
      `POST /v2/x HTTP/1.1\r\n${lines}content-type: application/json\r\ncontent-length: 8\r\n\r\n${body}`,
      `GET /v2 HTTP/1.1\r\n${lines}\r\n`,
    ]);
    expect(raw.connections()).toBe(1);
  });

  it('send the user and the password of the URL', async () => {
    await httpCaller(new URL(url.href.replace('//', '//me:a%40b@')))('GET', '/v2', long);
    expect(raw.requests[0]).toContain(`authorization: Basic ${Buffer.from('me:a@b').toString('base64')}\r\n`);
  });

  it.each([
    ['in chunks', `${chunked}2\r\n[]\r\n0\r\n\r\n`],
    [
      'after 100 and 103',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n${chunked}2\r\n[]\r\n0\r\n\r\n`,
    ],
  ])('keep the connection after an answer %s', async (_, bytes) => {
    respond = (socket) => socket.write(bytes);
    const call = httpCaller(url);
    for (let round = 0; round < 2; round += 1)
      expect(await call('GET', '/v2', long)).toEqual({ kind: 'answer', status: 200, body: '[]' });
    expect(raw.connections()).toBe(1);
  });

  it('read an answer that comes byte by byte, and one that the end of the connection ends', async () => {
    respond = (socket, request) => {
      if (request.startsWith('GET /end')) socket.end('HTTP/1.1 404 No\r\n\r\nnothing');
      else void drip(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc');
    };
    const call = httpCaller(url);
    expect(await call('GET', '/slow', long)).toEqual({ kind: 'answer', status: 200, body: 'abc' });
    expect(await call('GET', '/end', long)).toEqual({ kind: 'answer', status: 404, body: 'nothing' });
  });

  it.each([
    ['no answer', ''],
    ['half of an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'],
    ['half of a head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['half of the chunks', `${chunked}9\r\nabc`],
  ])('end and close the connection when there is %s in time', async (_, bytes) => {
    respond = (socket) => socket.write(bytes);
    const outcome = httpCaller(url)('POST', '/v2/x', milliseconds(100), '{}');
    await once(raw.server, 'connection');
    const [socket] = raw.sockets;
    const closed = socket && once(socket, 'close');
    expect(await outcome).toMatchObject({ kind: 'none', code: 'ETIMEDOUT' });
    await closed;
  });

  it.each([
    ['with it', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'],
    ['in chunks', `${chunked}9\r\nabc`],
    ['before it', ''],
  ])('fail at once when the connection breaks %s', async (_, bytes) => {
    respond = (socket) => socket.end(bytes);
    expect(await httpCaller(url)('GET', '/v2', long)).toMatchObject({ kind: 'none', code: 'ECONNRESET' });
  });

  it.each([
    ['with a length', `HTTP/1.1 200 OK\r\nContent-Length: ${33 * 1024 ** 2}\r\n\r\n`],
    ['without one', 'HTTP/1.1 200 OK\r\n\r\n'],
  ])('read no answer of 33 MiB: %s', async (_, head) => {
    respond = (socket) => socket.end(Buffer.concat([Buffer.from(head), Buffer.alloc(33 * 1024 ** 2)]));
    expect(await httpCaller(url)('GET', '/v2', long)).toMatchObject({ kind: 'none', code: 'EMSGSIZE' });
  });

  it('report a port at which nothing listens, and an answer that is not HTTP', async () => {
    respond = (socket) => socket.end('\0\0\x12\x04');
    expect((await httpCaller(url)('GET', '/v2', long)) as object).toMatchObject({
      code: expect.stringMatching(/^HPE_/),
    });
    raw.server.close();
    await once(raw.server, 'close');
    expect(await httpCaller(url)('GET', '/v2', long)).toMatchObject({ kind: 'none', code: 'ECONNREFUSED' });
  });

  it('open another connection once the server has closed the idle one', async () => {
    const call = httpCaller(url);
    await call('GET', '/v2', long);
    const [socket] = raw.sockets;
    socket?.end();
    await (socket && once(socket, 'close'));
    expect(await call('GET', '/v2', long)).toMatchObject({ kind: 'answer' });
    expect(raw.connections()).toBe(2);
  });
});

async function drip(socket: Socket, text: string): Promise<void> {
  socket.setNoDelay();
  for (const character of text) {
    socket.write(character);
    await new Promise((next) => setImmediate(next));
  }
}
