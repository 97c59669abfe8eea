import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Agent, createServer, get, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

interface Observed {
  readonly path: string;
  readonly status: number;
}

describe('the proxy', () => {
  let component: Server;
  let handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  let proxy: Proxy;
  let reason: string | undefined;
  let observed: Observed[];

  beforeEach(async () => {
    handle = (_incoming, outgoing) => outgoing.end('answer');
    component = createServer((incoming, outgoing) => handle(incoming, outgoing)).listen(0, '127.0.0.1');
    component.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) =>
      handle(incoming, outgoing),
    );
    await once(component, 'listening');
    reason = undefined;
    observed = [];
    proxy = await start((component.address() as AddressInfo).port);
  });
  afterEach(async () => {
    await proxy.close(AbortSignal.abort());
    component.closeAllConnections();
    component.close();
  });

  function start(componentPort: number): Promise<Proxy> {
    return proxyBefore(componentPort, {
      notReady: () => Promise.resolve(reason),
      observe: (path, status) => void observed.push({ path, status }),
    });
  }
  const url = (path = '/') => `http://127.0.0.1:${proxy.port}${path}`;
  const seen = async (options: Parameters<typeof request>[1], body?: string) => {
    const arrived: { method?: string; url?: string; raw?: string[]; body?: string } = {};
    handle = (incoming, outgoing) => {
      void text(incoming).then((content) => {
        Object.assign(arrived, {
          method: incoming.method,
          url: incoming.url,
          raw: incoming.rawHeaders,
          body: content,
        });
        outgoing.end();
      });
    };
    const call = request(url('/x?y=%20'), options);
    call.end(body);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    await text(answer);
    return arrived;
  };

  it('passes on method, path, body and headers, in order and repeated, without hop-by-hop headers', async () => {
    const headers = [
      'A',
      '1',
      'a',
      '2',
      'Connection',
      'keep-alive, X-Hop',
      'X-Hop',
      '1',
      'Host',
      'model.example',
      'Content-Length',
      '4',
    ];
    const arrived = await seen({ method: 'PUT', headers }, 'body');
    expect(arrived).toMatchObject({ method: 'PUT', url: '/x?y=%20', body: 'body' });
    expect(arrived.raw).toEqual([
      'A',
      '1',
      'a',
      '2',
      'Host',
      'model.example',
      'Content-Length',
      '4',
      'X-Forwarded-For',
      '127.0.0.1',
      'Connection',
      'keep-alive',
    ]);
  });

  it.each(['GET', 'DELETE', 'POST'])('passes on a chunked body of %s as chunked', async (method) => {
    const arrived = await seen({ method, headers: { 'transfer-encoding': 'chunked' } }, 'body');
    expect(arrived).toMatchObject({ method, body: 'body' });
  });

  describe.each(['by its length', 'in chunks'])('a body sent %s', (framing) => {
    const headersFor = (content: Buffer) =>
      framing === 'in chunks' ? { 'transfer-encoding': 'chunked' } : { 'content-length': content.length };

    it.each([0, 1, 256, 65_536, 1_000_000])(
      'is passed on unchanged in both directions: %d bytes',
      async (size) => {
        // Every value of a byte, so that decoding as text would fail.
        const content = Buffer.from(Array.from({ length: size }, (_, index) => (index * 167) % 256));
        handle = (incoming, outgoing) => {
          void buffer(incoming).then((arrived) => {
            outgoing.writeHead(200, headersFor(arrived));
            outgoing.end(arrived);
          });
        };
        const call = request(url(), { method: 'POST', headers: headersFor(content) });
        call.end(content);
        const [answer] = (await once(call, 'response')) as [IncomingMessage];
        expect((await buffer(answer)).equals(content)).toBe(true);
        expect(answer.headers['transfer-encoding']).toBe(framing === 'in chunks' ? 'chunked' : undefined);
      },
    );
  });

  it.each([
    { method: 'HEAD', status: 200, length: 3 },
    { method: 'GET', status: 204, length: undefined },
    { method: 'GET', status: 304, length: undefined },
  ])(
    'adds no body to a $status response to $method, and keeps the connection',
    async ({ method, status, length }) => {
      handle = (_incoming, outgoing) =>
        outgoing.writeHead(status, length === undefined ? {} : { 'content-length': length }).end();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ports = new Set<number | undefined>();
      for (let times = 0; times < 2; times += 1) {
        const call = request(url(), { method, agent }).end();
        const [answer] = (await once(call, 'response')) as [IncomingMessage];
        ports.add(answer.socket.localPort);
        expect([answer.statusCode, answer.headers['content-length'], await text(answer)]).toEqual([
          status,
          length?.toString(),
          '',
        ]);
      }
      agent.destroy();
      expect(ports.size).toBe(1);
    },
  );

  it('rejects a request with two lengths', async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.write(
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n',
    );
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
    expect(observed.map(({ path }) => path)).not.toContain('/smuggled');
  });

  it('streams a response, including trailers', async () => {
    let more: (() => void) | undefined;
    handle = (_incoming, outgoing) => {
      outgoing.writeHead(200, { trailer: 'x-sum' });
      outgoing.write('first');
      more = () => {
        outgoing.addTrailers({ 'x-sum': '7' });
        outgoing.end('last');
      };
    };
    const [answer] = (await once(get(url()), 'response')) as [IncomingMessage];
    const [first] = (await once(answer, 'data')) as [Buffer];
    expect(first.toString()).toBe('first');
    more!();
    expect(await text(answer)).toBe('last');
    expect(answer.trailers).toEqual({ 'x-sum': '7' });
  });

  it('requests the body only when the component does', async () => {
    const order: string[] = [];
    handle = (incoming, outgoing) => {
      order.push('component saw the headers');
      outgoing.writeContinue();
      incoming.once('data', () => order.push('component saw the body')).on('end', () => outgoing.end());
    };
    const call = request(url(), { method: 'POST', headers: { expect: '100-continue', 'content-length': 4 } });
    call.flushHeaders();
    await once(call, 'continue');
    order.push('client got 100 Continue');
    call.end('body');
    await once(call, 'response');
    expect(order).toEqual(['component saw the headers', 'client got 100 Continue', 'component saw the body']);
  });

  it('ends the request at the component when the client disconnects', async () => {
    const gone = new Promise<void>((resolve) => {
      handle = (incoming) => incoming.on('close', resolve);
    });
    const call = get(url('/v2/models/m/infer'));
    call.on('error', () => undefined);
    await eventuallyTrue('the request arrived', () => proxy.activity().inFlight === 1);
    call.destroy();
    await gone;
    await eventuallyTrue('it is over', () => proxy.activity().inFlight === 0);
    expect(observed).toEqual([{ path: '/v2/models/m/infer', status: 499 }]);
  });

  it('cuts off the response when the component disconnects', async () => {
    handle = (_incoming, outgoing) => {
      outgoing.writeHead(200, { 'content-length': 100 });
      outgoing.write('part', () => outgoing.destroy());
    };
    const [answer] = (await once(get(url()), 'response')) as [IncomingMessage];
    await expect(text(answer)).rejects.toThrow();
  });

  it('responds with 502 in JSON when no process listens on the component port', async () => {
    component.closeAllConnections();
    component.close();
    await once(component, 'close');
    const answer = await fetch(url(), { method: 'POST', body: 'x' });
    expect(answer.status).toBe(502);
    expect(((await answer.json()) as { error: string }).error).toContain('ECONNREFUSED');
  });

  it.each([
    [{ 'K-Network-Probe': 'queue' }, undefined, 200, 'queue'],
    [{ 'K-Network-Probe': 'queue' }, 'models are loading', 503, 'models are loading'],
    [{ 'K-Network-Probe': 'other' }, undefined, 400, 'unexpected probe header value'],
    [{ 'User-Agent': 'kube-probe/1.36' }, 'not yet', 503, 'not yet'],
    [{ 'User-Agent': 'curl' }, 'not yet', 200, 'answer'],
  ])('%j with %j: %d', async (headers, why, status, body) => {
    reason = why;
    const answer = await fetch(url('/any/path'), { headers: headers as Record<string, string> });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(body);
  });

  it('connects a WebSocket in both directions', async () => {
    component.on('upgrade', (_incoming, socket: Socket, head: Buffer) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
    const call = request(url(), { headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    call.end();
    const [answer, socket] = (await once(call, 'upgrade')) as [IncomingMessage, Socket];
    expect(answer.statusCode).toBe(101);
    socket.write('echo');
    expect(String((await once(socket, 'data'))[0])).toBe('echo');
    socket.destroy();
    await eventuallyTrue('the tunnel is gone', () => proxy.activity().inFlight === 0);
  });

  it('serves a request with an h2c upgrade as plain HTTP/1.1', async () => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' };
    const [answer] = (await once(get(url(), { headers }), 'response')) as [IncomingMessage];
    expect([answer.statusCode, await text(answer)]).toEqual([200, 'answer']);
  });

  it('passes on HTTP/2 in clear text, as gRPC requires', async () => {
    const http2 = createHttp2Server((_incoming, outgoing) => outgoing.end('by http/2')).listen(
      0,
      '127.0.0.1',
    );
    await once(http2, 'listening');
    const second = await start((http2.address() as AddressInfo).port);
    const session = connectHttp2(`http://127.0.0.1:${second.port}`);
    expect(await text(session.request({ ':path': '/' }))).toBe('by http/2');
    session.destroy();
    await second.close(AbortSignal.abort());
    http2.close();
  });

  it('finishes requests in flight when it closes, and accepts no new ones', async () => {
    let finish: (() => void) | undefined;
    handle = (_incoming, outgoing) => {
      finish = () => void outgoing.end('late');
    };
    const late = fetch(url());
    await eventuallyTrue('the request arrived', () => finish !== undefined);
    proxy.startDraining();
    const closing = proxy.close(new AbortController().signal);
    await expect(fetch(url())).rejects.toThrow();
    finish!();
    expect(await (await late).text()).toBe('late');
    await closing;
  });
});
