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

describe('a response on a kept-alive connection', () => {
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

  /** Returns what a client reads, or 'cut' for an incomplete response. */
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

  it('is passed on byte by byte, wherever it is split', async () => {
    for (let at = 1; at < ANSWER.length; at++) {
      answer = (socket) => {
        socket.write(ANSWER.slice(0, at), 'latin1');
        // Separate from the first part, in a later turn of the proxy's event loop.
        setTimeout(() => socket.write(ANSWER.slice(at), 'latin1'), 2);
      };
      expect(await ask()).toBe('200 a\xe9\0\r\n');
    }
    expect(opened).toBe(1);
  });

  it.each([
    ['a length', ANSWER, 'POST'],
    ['a length of zero', head('Content-Length: 0'), 'POST'],
    ['a length, for GET', ANSWER, 'GET'],
    ['chunks', CHUNKS, 'POST'],
    ['chunks after 103', `HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n${CHUNKS}`, 'POST'],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', 'POST'],
    ['a long head', head(`A: ${'b'.repeat(40_000)}\r\nContent-Length: 3`, 'abc'), 'POST'],
  ])('leaves the connection to the next request: %s', async (_, bytes, method) => {
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
    ['a POST with Expect: 100-continue', 'POST', { Expect: '100-continue' }, 4],
  ])('to %s', (_, method, headers, contentBytes) => {
    it.each([
      ['a repeated length', head('Content-Length: 3\r\nContent-Length: 3', 'abc')],
      [
        'a repeated length and Connection: close',
        head('Content-Length: 3\r\nConnection: close\r\nContent-Length: 3', 'abc'),
      ],
      [
        'a repeated length, after 103',
        `HTTP/1.1 103 Early Hints\r\nA : b\r\n\r\n${head('Content-Length: 3\r\nContent-Length: 3', 'abc')}`,
      ],
      ['blanks before a colon', head('A : b\r\nContent-Length : 3', 'abc')],
      ['blanks before the colon of Transfer-Encoding', CHUNKS.replace('Encoding:', 'Encoding :')],
      ['a header name with blanks', head('A b: c\r\nContent-Length: 3', 'abc')],
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
    'may arrive before the request body was read, and the next request is served: %s',
    async (_, bytes, expected) => {
      answer = (socket) => void socket.write(bytes, 'latin1');
      for (let turn = 0; turn < 3; turn += 1)
        expect(await ask('POST', {}, 'x'.repeat(1_000_000))).toBe(expected);
      await eventuallyTrue('nothing is in flight', () => proxy.activity().inFlight === 0);
    },
  );

  it.each([
    ['it has Connection: close', head('Content-Length: 3\r\nConnection: close', 'abc')],
    ['it is HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc'],
    ['there is both a length and chunks', CHUNKS.replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n')],
    ['there are bytes after it', `${head('Content-Length: 3', 'abc')}HTTP/1.1 200 OK\r\n`],
    ['there is another response after it', head('Content-Length: 3', 'abc') + ANSWER],
    ['there is another response after chunks', CHUNKS + ANSWER],
    ['its keep-alive timeout is short', head('Keep-Alive: timeout=1\r\nContent-Length: 3', 'abc')],
  ])('does not leave the connection to the next request when %s', async (_, bytes) => {
    answer = (socket) => void socket.write(bytes, 'latin1');
    expect([await ask(), await ask()]).toEqual(['200 abc', '200 abc']);
    expect(opened).toBe(2);
  });

  it('is never used for the next request if it was not requested', async () => {
    answer = (socket) => void socket.write(ANSWER, 'latin1');
    await ask();
    const [first] = sockets;
    first?.write(head('Content-Length: 5', 'wrong'));
    await eventuallyTrue('the connection is closed', () => sockets.size === 0);
    expect(await ask()).toBe('200 a\xe9\0\r\n');
  });

  it.each([
    ['no response', 'HTTP/1.1 2', '502 '],
    ['only a head', head('Content-Length: 30'), 'cut'],
    ['a part of its body', head('Content-Length: 30', 'abc'), 'cut'],
    ['a part of a chunk', head('Transfer-Encoding: chunked', '30\r\nabc'), 'cut'],
  ])('is incomplete when the connection ends after %s', async (_, bytes, expected) => {
    for (const isReset of [false, true]) {
      answer = (socket) => {
        socket.write(bytes, () => {
          // The client has received the head by then.
          setTimeout(() => (isReset ? socket.resetAndDestroy() : socket.end()), 30);
        });
      };
      expect(await ask()).toMatch(new RegExp(`^${expected}`));
    }
  });

  it('ends at the component when the client disconnects', async () => {
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
    await eventuallyTrue('nothing is in flight', () => proxy.activity().inFlight === 0);
  });

  it('is held back while the client does not read', async () => {
    const LARGE = 64 * 1024 ** 2;
    answer = (socket) => {
      socket.write(head(`Content-Length: ${LARGE}`));
      socket.write(Buffer.alloc(LARGE, 'x'));
    };
    const call = get({ port: proxy.port, host: '127.0.0.1', agent: false });
    const [came] = (await once(call, 'response')) as [IncomingMessage];
    came.pause();
    const [socket] = sockets;
    // The kernel buffers some MiB. The rest stays at the component.
    let [before, still] = [-1, 0];
    await eventuallyTrue('the buffer no longer changes', () => {
      const now = socket?.writableLength ?? 0;
      still = now === before ? still + 1 : 0;
      before = now;
      return still === 10;
    });
    expect(socket?.writableLength).toBeGreaterThan(LARGE / 2);
    expect((await text(came)).length).toBe(LARGE);
  });
});
