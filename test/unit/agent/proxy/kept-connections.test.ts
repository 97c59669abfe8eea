import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { exchangeBytes } from '../../../support/proxy-exchange.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const LAST = 'Connection: close\r\n\r\n';
const get = (path: string, rest = LAST) => `GET ${path} HTTP/1.1\r\nHost: h\r\n${rest}`;
const post = (headers: string, body: string) => `POST /x HTTP/1.1\r\nHost: h\r\n${headers}${LAST}${body}`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

describe('a kept-alive connection to the component', () => {
  let component: Server;
  let sockets: Set<Socket>;
  /** The request lines that the component has read. */
  let seen: string[];
  let onRequest: (socket: Socket, isReused: boolean) => void;
  let proxy: Proxy;
  /** Runs after a request arrives at the proxy, and before it is passed on. */
  let justThen: () => void;

  beforeEach(async () => {
    sockets = new Set();
    seen = [];
    onRequest = (socket) => void socket.write(OK);
    justThen = () => undefined;
    component = createServer({ allowHalfOpen: true }, (socket) => {
      let requests = 0;
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        const line = /^[A-Z]+ \/\S*(?= HTTP)/.exec(chunk.toString('latin1'))?.[0];
        if (line === undefined) return;
        seen.push(line);
        requests += 1;
        onRequest(socket, requests > 1);
      });
    }).listen(0, '127.0.0.1');
    await once(component, 'listening');
    proxy = await proxyBefore(component, {
      stopwatch: () => {
        justThen();
        return performance.now();
      },
    });
    // There is a kept-alive connection from here on.
    expect((await exchangeBytes(proxy.port, get('/first'), 10_000)).statuses).toEqual([200]);
    seen = [];
  });
  afterEach(async () => {
    await proxy.close(AbortSignal.abort());
    component.close();
    for (const socket of sockets) socket.destroy();
  });

  const send = async (sent: string) => (await exchangeBytes(proxy.port, sent, 10_000)).statuses;

  describe.each([
    ['closes', (socket: Socket) => void socket.destroy()],
    ['resets', (socket: Socket) => void socket.resetAndDestroy()],
  ])('that %s when a request arrives', (_, close) => {
    beforeEach(() => {
      justThen = () => {
        justThen = () => undefined;
        for (const socket of sockets) close(socket);
      };
    });

    it.each([
      ['GET', get('/x')],
      ['GET with a body', get('/x', `Content-Length: 3\r\n${LAST}abc`)],
      ['HEAD', `HEAD /x HTTP/1.1\r\nHost: h\r\n${LAST}`],
      ...['DELETE', 'PUT', 'PATCH', 'OPTIONS', 'POST'].map((method): [string, string] => [
        `${method} without a body`,
        `${method} /x HTTP/1.1\r\nHost: h\r\n${LAST}`,
      ]),
      ['PUT with a body', `PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n${LAST}abc`],
      ['DELETE in chunks', `DELETE /x HTTP/1.1\r\nHost: h\r\n${CHUNKED}${LAST}3\r\nabc\r\n0\r\n\r\n`],
      ['POST', post('Content-Length: 3\r\n', 'abc')],
      ['POST in chunks', post(CHUNKED, '3\r\nabc\r\n0\r\n\r\n')],
      ['POST of 100 kB', post('Content-Length: 100000\r\n', 'x'.repeat(100_000))],
      ['POST of 1 MB in chunks', post(CHUNKED, `f4240\r\n${'x'.repeat(1_000_000)}\r\n0\r\n\r\n`)],
      ['POST with Expect: 100-continue', post('Expect: 100-continue\r\nContent-Length: 3\r\n', 'abc')],
    ])('does not fail the request: %s', async (_name, sent) => {
      expect(await send(sent)).toEqual([200]);
      expect(seen).toHaveLength(1);
    });

    it('does not fail a request whose body arrives after its head', async () => {
      const socket = connect(proxy.port, '127.0.0.1').setNoDelay(true);
      socket.write(post('Content-Length: 3\r\n', ''));
      await new Promise((resolve) => setImmediate(resolve));
      socket.write('abc');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /);
      expect(seen).toEqual(['POST /x']);
    });
  });

  describe('that ends without a response after it has read the request', () => {
    const ends: [string, (socket: Socket) => void][] = [
      ['closed', (socket) => void socket.destroy()],
      ['ended', (socket) => void socket.end()],
      ['reset', (socket) => void socket.resetAndDestroy()],
    ];
    const unsafe: [string, string][] = [
      ['POST', post('Content-Length: 3\r\n', 'abc')],
      ['POST of 100 kB', post('Content-Length: 100000\r\n', 'x'.repeat(100_000))],
      ['PUT', `PUT /x HTTP/1.1\r\nHost: h\r\n${LAST}`],
      ['DELETE', `DELETE /x HTTP/1.1\r\nHost: h\r\n${LAST}`],
      ['PATCH', `PATCH /x HTTP/1.1\r\nHost: h\r\n${LAST}`],
    ];

    it.each(ends.flatMap(([how, end]) => unsafe.map(([name, sent]) => [name, how, sent, end] as const)))(
      'does not receive %s again: %s',
      async (_name, _how, sent, end) => {
        onRequest = (socket) => end(socket);
        expect(await send(sent)).toEqual([502]);
        expect(seen).toHaveLength(1);
      },
    );

    it.each(
      ends.flatMap(([how, end]) => [
        ['GET', how, get('/x'), end] as const,
        [
          'POST with an Idempotency-Key',
          how,
          post('Idempotency-Key: a\r\nContent-Length: 3\r\n', 'abc'),
          end,
        ] as const,
      ]),
    )('receives %s again: %s', async (_name, _how, sent, end) => {
      onRequest = (socket, isReused) => (isReused ? end(socket) : void socket.write(OK));
      expect(await send(sent)).toEqual([200]);
      expect(seen).toHaveLength(2);
    });
  });

  it('does not receive POST again when it has closed its side, and still reads', async () => {
    onRequest = () => undefined;
    justThen = () => {
      for (const socket of sockets) socket.end();
    };
    expect(await send(post('Content-Length: 3\r\n', 'abc'))).toEqual([502]);
    expect(seen).toEqual(['POST /x']);
  });

  it('does not receive a request again after it has begun to respond', async () => {
    onRequest = (socket) => void socket.end('HTTP/1.1 2');
    expect(await send(get('/x'))).toEqual([502]);
    expect(seen).toEqual(['GET /x']);
  });

  it.each(
    [
      ['a part of a head', 'HTTP/1.1 200 OK\r\nContent-'],
      ['a head', 'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n'],
      ['a part of a body', 'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nabc'],
      ['a part of a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\nabc'],
      ['an early hint', 'HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n'],
    ].flatMap(([what = '', begun = '']) =>
      [
        ['GET', get('/x')],
        ['HEAD', `HEAD /x HTTP/1.1\r\nHost: h\r\n${LAST}`],
        ['POST', post('Content-Length: 3\r\n', 'abc')],
        ['POST in chunks', post(CHUNKED, '3\r\nabc\r\n0\r\n\r\n')],
        ['POST of 100 kB', post('Content-Length: 100000\r\n', 'x'.repeat(100_000))],
      ].map(([name = '', sent = '']) => [name, what, begun, sent] as const),
    ),
  )('receives %s only once when it closes after %s', async (_name, _what, begun, sent) => {
    onRequest = (socket) => void socket.end(begun);
    await send(sent);
    expect(seen).toHaveLength(1);
  });

  it('is retried once, on a new connection', async () => {
    onRequest = (socket) => void socket.destroy();
    expect(await send(get('/x'))).toEqual([502]);
    expect(seen).toEqual(['GET /x', 'GET /x']);
  });
});
