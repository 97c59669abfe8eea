import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage, request } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

const head = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`;
const ANSWER = head('Content-Type: a/b\r\nContent-Length: 5', 'a\xe9\0\r\n');
const CHUNKS = head('Transfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n');

describe('an answer on a connection that is kept', () => {
  let component: Server;
  let sockets: Set<Socket>;
  let opened: number;
  let answer: (socket: Socket) => void;
  let proxy: Proxy;
  let agent: Agent;

  beforeEach(async () => {
    sockets = new Set();
    opened = 0;
    component = createServer((socket) => {
      opened += 1;
      sockets.add(socket.setNoDelay());
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes(' HTTP/1.1\r\n')) answer(socket);
      });
    }).listen(0, '127.0.0.1');
    await once(component, 'listening');
    proxy = await proxyBefore(component);
    agent = new Agent({ keepAlive: true });
  });
  afterEach(async () => {
    agent.destroy();
    await proxy.close(AbortSignal.abort());
    component.close();
    for (const socket of sockets) socket.destroy();
  });

  /** What a client reads; 'cut' when it is not whole. */
  async function ask(method = 'POST', headers = {}, content: string | undefined = 'body') {
    const to = { port: proxy.port, host: '127.0.0.1', method, headers, agent };
    const call = request({ ...to, maxHeaderSize: 2 ** 17 });
    call.end(method === 'POST' ? content : undefined);
    try {
      const [came] = (await once(call, 'response')) as [IncomingMessage];
      came.setEncoding('latin1');
      return `${came.statusCode} ${await text(came)}`;
    } catch {
      return 'cut';
    }
  }

  it('is passed on byte by byte wherever it is divided', async () => {
    for (let at = 1; at < ANSWER.length; at++) {
      answer = (socket) => {
        socket.write(ANSWER.slice(0, at), 'latin1');
        // Neither with what came before, nor in the same turn of the proxy's loop.
        setTimeout(() => socket.write(ANSWER.slice(at), 'latin1'), 2);
      };
      expect(await ask()).toBe('200 a\xe9\0\r\n');
    }
    expect(opened).toBe(1);
  });

  it.each([
    ['a length', ANSWER, 'POST'],
    ['a length of nothing', head('Content-Length: 0'), 'POST'],
    ['a length, to GET', ANSWER, 'GET'],
    ['chunks', CHUNKS, 'POST'],
    ['chunks that were announced by 103', `HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n${CHUNKS}`, 'POST'],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', 'POST'],
    ['a long head', head(`A: ${'b'.repeat(40_000)}\r\nContent-Length: 3`, 'abc'), 'POST'],
  ])('leaves it to the next request: %s', async (_, bytes, method) => {
    answer = (socket) => void socket.write(bytes, 'latin1');
    const first = await ask(method);
    expect(first).toMatch(/^20[04] /);
    expect([await ask(method), await ask(method)]).toEqual([first, first]);
    expect(opened).toBe(1);
  });

  describe.each([
    ['GET', 'GET', {}, 0],
    ['a small POST', 'POST', {}, 4],
    ['a POST in chunks', 'POST', { 'Transfer-Encoding': 'chunked' }, 4],
    ['a POST of 1 MB', 'POST', {}, 1_000_000],
    ['a POST that waits to be asked for its body', 'POST', { Expect: '100-continue' }, 4],
  ])('to %s', (_, method, headers, contentBytes) => {
    it.each([
      ['a length that is said twice', head('Content-Length: 3\r\nContent-Length: 3', 'abc')],
      [
        'a length that is said twice, and the end of the connection',
        head('Content-Length: 3\r\nConnection: close\r\nContent-Length: 3', 'abc'),
      ],
      [
        'a length that is said twice, after 103',
        `HTTP/1.1 103 Early Hints\r\nA : b\r\n\r\n${head('Content-Length: 3\r\nContent-Length: 3', 'abc')}`,
      ],
      ['blanks before a colon', head('A : b\r\nContent-Length : 3', 'abc')],
      ['blanks before the colon of the coding', CHUNKS.replace('Encoding:', 'Encoding :')],
      ['a header whose name has blanks', head('A b: c\r\nContent-Length: 3', 'abc')],
    ])('is read with %s', async (_what, bytes) => {
      answer = (socket) => void socket.write(bytes, 'latin1');
      for (let turn = 0; turn < 3; turn += 1)
        expect(await ask(method, headers, 'x'.repeat(contentBytes))).toBe('200 abc');
    });
  });

  it.each([
    ['a length', ANSWER, '200 a\xe9\0\r\n'],
    ['chunks', CHUNKS, '200 abc'],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', '204 '],
  ])(
    'may come before the body of its request has been read, and the next one is served: %s',
    async (_, bytes, expected) => {
      answer = (socket) => void socket.write(bytes, 'latin1');
      for (let turn = 0; turn < 3; turn += 1)
        expect(await ask('POST', {}, 'x'.repeat(1_000_000))).toBe(expected);
      await eventuallyTrue('nothing is under way', () => proxy.activity().inFlight === 0);
    },
  );

  it.each([
    ['it says so', head('Content-Length: 3\r\nConnection: close', 'abc')],
    ['it is HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc'],
    ['there is both a length and chunks', CHUNKS.replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n')],
    ['something comes behind it', `${head('Content-Length: 3', 'abc')}HTTP/1.1 200 OK\r\n`],
    ['another answer comes behind it', head('Content-Length: 3', 'abc') + ANSWER],
    ['another answer comes behind chunks', CHUNKS + ANSWER],
    ['it is kept for a moment only', head('Keep-Alive: timeout=1\r\nContent-Length: 3', 'abc')],
  ])('does not leave it to the next request where %s', async (_, bytes) => {
    answer = (socket) => void socket.write(bytes, 'latin1');
    expect([await ask(), await ask()]).toEqual(['200 abc', '200 abc']);
    expect(opened).toBe(2);
  });

  it('is never taken for that of the next request when nothing was asked', async () => {
    answer = (socket) => void socket.write(ANSWER, 'latin1');
    await ask();
    const [first] = sockets;
    first?.write(head('Content-Length: 5', 'wrong'));
    await eventuallyTrue('the connection is closed', () => sockets.size === 0);
    expect(await ask()).toBe('200 a\xe9\0\r\n');
  });

  it.each([
    ['no answer', 'HTTP/1.1 2', '502 '],
    ['a head alone', head('Content-Length: 30'), 'cut'],
    ['a part of its body', head('Content-Length: 30', 'abc'), 'cut'],
    ['a part of a chunk', head('Transfer-Encoding: chunked', '30\r\nabc'), 'cut'],
  ])('is not whole when the connection ends after %s', async (_, bytes, expected) => {
    for (const isReset of [false, true]) {
      answer = (socket) => {
        socket.write(bytes, () => {
          // The client has the head by then.
          setTimeout(() => (isReset ? socket.resetAndDestroy() : socket.end()), 30);
        });
      };
      expect(await ask()).toMatch(new RegExp(`^${expected}`));
    }
  });

  it('ends at the component when its client goes away', async () => {
    for (const bytes of [
      '',
      'HTTP/1.1 2',
      head('Content-Length: 30', 'abc'),
      head('Transfer-Encoding: chunked'),
    ]) {
      const asked = new Promise<void>((resolve) => {
        answer = (socket) => socket.write(bytes || ' ', () => resolve());
        if (bytes === '') answer = () => resolve();
      });
      const call = get({ port: proxy.port, host: '127.0.0.1', agent: false }).on('error', () => undefined);
      await asked;
      call.destroy();
      await eventuallyTrue('the connection is closed', () => sockets.size === 0);
    }
    await eventuallyTrue('nothing is under way', () => proxy.activity().inFlight === 0);
  });

  it('is held back while its client does not read', async () => {
    const LARGE = 64 * 1024 ** 2;
    answer = (socket) => {
      socket.write(head(`Content-Length: ${LARGE}`));
      socket.write(Buffer.alloc(LARGE, 'x'));
    };
    const call = get({ port: proxy.port, host: '127.0.0.1', agent: false });
    const [came] = (await once(call, 'response')) as [IncomingMessage];
    came.pause();
    const [socket] = sockets;
    // What the kernel holds is some MiB; the rest waits where it came from.
    let [before, still] = [-1, 0];
    await eventuallyTrue('nothing moves any more', () => {
      const now = socket?.writableLength ?? 0;
      still = now === before ? still + 1 : 0;
      before = now;
      return still === 10;
    });
    expect(socket?.writableLength).toBeGreaterThan(LARGE / 2);
    expect((await text(came)).length).toBe(LARGE);
  });
});
