import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { httpCaller } from '../../../src/agent/model-server/http-call.ts';
import { askComponents } from '../../../src/agent/readiness.ts';
import { milliseconds } from '../../../src/lib/clock.ts';

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
