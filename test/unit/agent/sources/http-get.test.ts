import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createHttpGetter } from '../../../../src/agent/sources/http-get.ts';
import type { HttpGetter } from '../../../../src/agent/sources/http-get.ts';

const never = new AbortController().signal;
const loopback: LookupFunction = (_, options, done) =>
  options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** Responds to this many requests on each connection, and resets it at the next one. */
let perConnection = 0;
let served: Map<Socket, number>;
let server: Server;
let url: URL;

beforeAll(async () => {
  server = createServer((request, response) => {
    const count = (served.get(request.socket) ?? 0) + 1;
    served.set(request.socket, count);
    if (count > perConnection) request.socket.resetAndDestroy();
    else response.end('ok');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = new URL(`http://store.test:${(server.address() as AddressInfo).port}/file`);
});
beforeEach(() => {
  served = new Map();
});
afterAll(() => {
  server.close().closeAllConnections();
});

async function using<T>(lookup: LookupFunction, work: (getter: HttpGetter) => Promise<T>): Promise<T> {
  const getter = createHttpGetter({ lookup, connectTimeoutMs: 100 });
  try {
    return await work(getter);
  } finally {
    getter.close();
  }
}

describe('a GET', () => {
  it('reuses a connection', async () => {
    perConnection = 2;
    await using(loopback, async ({ get }) => {
      for (let round = 0; round < 2; round += 1)
        expect(await text((await get(url, {}, never)).body)).toBe('ok');
    });
    expect([...served.values()]).toEqual([2]);
  });

  it('is retried once when a reused connection breaks', async () => {
    perConnection = 1;
    await using(loopback, async ({ get }) => {
      for (let round = 0; round < 2; round += 1)
        expect(await text((await get(url, {}, never)).body)).toBe('ok');
    });
    expect([...served.values()]).toEqual([2, 1]);
  });

  it('is not retried when a new connection breaks', async () => {
    perConnection = 0;
    await using(loopback, async ({ get }) => {
      await expect(get(url, {}, never)).rejects.toMatchObject({ code: 'ECONNRESET' });
    });
    expect([...served.values()]).toEqual([1]);
  });

  it('fails when a connection is not established in time, including name resolution', async () => {
    await using(
      () => undefined,
      ({ get }) => expect(get(url, {}, never)).rejects.toMatchObject({ code: 'ETIMEDOUT' }),
    );
    expect(served.size).toBe(0);
  });

  it('ends when it is aborted', async () => {
    const abort = new AbortController();
    await using(
      () => abort.abort(),
      ({ get }) => expect(get(url, {}, abort.signal)).rejects.toMatchObject({ name: 'AbortError' }),
    );
  });

  it('leaves no listener on its signal', async () => {
    perConnection = 1;
    const { signal } = new AbortController();
    await using(loopback, async ({ get }) => {
      const { body } = await get(url, {}, signal);
      const closed = once(body, 'close');
      await text(body);
      await closed;
    });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
