import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import {
  type RecordedRequest,
  type RecordingComponent,
  startRecordingComponent,
} from '../../../support/recording-component.ts';

const post = (target: string, body: string, headers = '') =>
  `POST ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
const LAST = 'GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
/** Requests of the fast path, and each kind that Node's server parses between them. */
const REQUESTS = [
  post('/1', 'abc'),
  'GET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
  post('/3', ''),
  'POST /4 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  post('/5', 'GET /no HTTP/1.1\r\n\r\n'),
];

interface Observed {
  readonly path: string;
  readonly status: number;
}

describe('a connection with requests of the fast path', () => {
  let proxy: Proxy;
  let observed: Observed[];

  async function startBefore(componentPort: number): Promise<void> {
    observed = [];
    proxy = await proxyBefore(componentPort, {
      observe: (path, status) => void observed.push({ path, status }),
    });
  }
  const open = async () => {
    const socket = connect(proxy.port, '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    return socket;
  };
  /** Resolves after the proxy has read it as a separate chunk. */
  const sendAlone = async (socket: Socket, bytes: string) => {
    socket.write(bytes, 'latin1');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  };

  describe('to a recording component', () => {
    let component: RecordingComponent;
    const taken = () => component.take().map(({ target, body }: RecordedRequest) => `${target} ${body}`);

    beforeEach(async () => {
      component = await startRecordingComponent();
      await startBefore(component.port);
    });
    afterEach(async () => {
      await proxy.close(AbortSignal.abort());
      component.close();
    });

    it('passes on the same requests wherever their bytes are split', async () => {
      const all = REQUESTS.join('') + LAST;
      const expected = ['/1 abc', '/2 ', '/3 ', '/4 abc', '/5 GET /no HTTP/1.1\r\n\r\n', '/last '];
      for (let at = 1; at < all.length; at += 1) {
        const socket = await open();
        const came = text(socket);
        await sendAlone(socket, all.slice(0, at));
        socket.write(all.slice(at), 'latin1');
        expect({ at, statuses: (await came).match(/HTTP\/1\.1 \d+/g) }).toEqual({
          at,
          statuses: Array.from({ length: 6 }, () => 'HTTP/1.1 200'),
        });
        expect({ at, taken: taken() }).toEqual({ at, taken: expected });
      }
      await eventuallyTrue('nothing is in flight', () => proxy.activity().inFlight === 0);
    });

    it('serves all requests for any order of their kinds', async () => {
      for (const first of REQUESTS)
        for (const second of REQUESTS) {
          const socket = await open();
          const came = text(socket);
          for (const request of [first, second, first]) await sendAlone(socket, request);
          socket.write(LAST);
          expect((await came).match(/HTTP\/1\.1 200/g)).toHaveLength(4);
          expect(taken()).toHaveLength(4);
        }
    });

    it('gets Connection: close when the proxy drains', async () => {
      const socket = await open();
      socket.write(post('/1', 'abc'));
      const [first] = (await once(socket, 'data')) as [Buffer];
      expect(first.toString()).toContain('Connection: keep-alive\r\nKeep-Alive: timeout=120\r\n\r\nok');
      proxy.startDraining();
      const rest = text(socket);
      socket.write(post('/2', 'abc'));
      expect(await rest).toMatch(/Connection: close\r\n[^]*ok$/);
    });

    it('is closed when its client has closed its side', async () => {
      const socket = await open();
      socket.write(post('/1', 'abc'));
      await once(socket, 'data');
      socket.end();
      await once(socket, 'close');
      expect(observed).toEqual([{ path: '/1', status: 200 }]);
    });

    it('records a client that disconnects during its body', async () => {
      const socket = await open();
      socket.write(post('/1', 'abcdef').slice(0, -3));
      await eventuallyTrue('the request is in flight', () => proxy.activity().inFlight === 1);
      socket.destroy();
      await eventuallyTrue('the request is over', () => proxy.activity().inFlight === 0);
      expect([observed, taken()]).toEqual([[{ path: '/1', status: 499 }], []]);
    });

    it.each([
      ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
      ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
      ['no host, for OPTIONS *', 'OPTIONS * HTTP/1.1\r\n\r\n', 400],
      ['a broken escape', 'GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n', 400],
      ['two lengths', 'GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n', 400],
    ])(
      'is rejected when a later request has %s, and later requests are not served',
      async (_, bad, status) => {
        const socket = await open();
        const came = text(socket);
        await sendAlone(socket, post('/1', 'abc'));
        socket.write(bad + post('/2', 'abc'));
        expect((await came).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', `HTTP/1.1 ${status}`]);
        expect(taken()).toEqual(['/1 abc']);
      },
    );
  });

  describe('to a scripted component', () => {
    let component: Server;
    let sockets: Socket[];
    let answer: (socket: Socket, request: string) => void;

    beforeEach(async () => {
      sockets = [];
      component = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => answer(socket, chunk.toString('latin1')));
      }).listen(0, '127.0.0.1');
      await once(component, 'listening');
      await startBefore((component.address() as AddressInfo).port);
    });
    afterEach(async () => {
      await proxy.close(AbortSignal.abort());
      for (const socket of sockets) socket.destroy();
      component.close();
    });

    it('keeps an early request waiting for its turn', async () => {
      const asked: string[] = [];
      answer = (_socket, request) => void asked.push(request.slice(0, 7));
      const socket = await open();
      const came = text(socket);
      await sendAlone(socket, post('/1', 'abc'));
      await eventuallyTrue('the first is at the component', () => asked.length === 1);
      await sendAlone(socket, post('/2', 'abc') + LAST);
      answer = (at, request) => {
        asked.push(request.slice(0, 7));
        at.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew');
      };
      sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold');
      expect((await came).match(/old|new/g)).toEqual(['old', 'new', 'new']);
      expect(asked).toEqual(['POST /1', 'POST /2', 'GET /la']);
      await eventuallyTrue('nothing is in flight', () => proxy.activity().inFlight === 0);
    });

    it.each([
      ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nodd\r\n0\r\n\r\n'],
      ['no body', 'HTTP/1.1 204 No Content\r\n\r\n'],
      ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nodd'],
      [
        '100 Continue before it',
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nodd',
      ],
    ])('continues after a response with %s', async (_, bytes) => {
      answer = (at) => void at.write(bytes);
      const socket = await open();
      let read = '';
      socket.on('data', (chunk) => (read += chunk.toString()));
      for (let round = 1; round <= 3; round += 1) {
        socket.write(post(`/${round}`, 'abc'));
        await eventuallyTrue(`answer ${round} is over`, () => observed.length === round);
      }
      await eventuallyTrue('all responses have arrived', () => read.match(/HTTP\/1\.1 20\d/g)?.length === 3);
      expect(proxy.activity().inFlight).toBe(0);
      socket.destroy();
    });

    it('gets 502 when the component disconnects, and continues', async () => {
      answer = (at) => void at.destroy();
      const socket = await open();
      socket.write(post('/1', 'abc'));
      expect(String(await once(socket, 'data'))).toContain('HTTP/1.1 502');
      answer = (at) => void at.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      await eventuallyTrue('the answer is over', () => observed.length === 1);
      socket.write(post('/2', 'abc'));
      expect(String(await once(socket, 'data'))).toContain('HTTP/1.1 200');
      socket.destroy();
    });

    it('is closed when the response is truncated', async () => {
      answer = (at) => void at.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
      const socket = await open();
      socket.write(post('/1', 'abc'));
      expect(await text(socket)).toMatch(/\r\n\r\nabc$/);
      await eventuallyTrue('the request is over', () => observed.length === 1);
    });

    it('is in flight until a slow client has read the response', async () => {
      const large = Buffer.alloc(8 * 1024 ** 2, 'x');
      answer = (at) => {
        at.write(`HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\n\r\n`);
        at.write(large);
      };
      const socket = (await open()).pause();
      socket.write(post('/1', 'abc'));
      await eventuallyTrue('the component is held back', () => (sockets[0]?.writableLength ?? 0) > 0);
      const closing = proxy.close(new AbortController().signal);
      expect(proxy.activity().inFlight).toBe(1);
      const came = await text(socket);
      expect(came.length - came.indexOf('\r\n\r\n') - 4).toBe(large.length);
      await closing;
      expect(observed).toEqual([{ path: '/1', status: 200 }]);
    });
  });
});
