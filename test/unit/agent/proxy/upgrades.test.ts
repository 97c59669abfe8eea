import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

const LARGE = 'x'.repeat(5_000_000);
const WEBSOCKET = 'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
const LAST = get('/last', 'Connection: close\r\n');

describe('an upgrade', () => {
  let component: Server;
  let handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  let proxy: Proxy;
  let statuses: number[];

  beforeEach(async () => {
    handle = ({ url }, outgoing) => void outgoing.end(`[${url}]`);
    component = createServer((incoming, outgoing) => handle(incoming, outgoing)).listen(0, '127.0.0.1');
    await once(component, 'listening');
    statuses = [];
    proxy = await proxyBefore(component, {
      observe: (_path, status) => void statuses.push(status),
    });
  });
  afterEach(async () => {
    await proxy.close(AbortSignal.abort());
    component.closeAllConnections();
    component.close();
  });

  /** A component that accepts the upgrade, sends a greeting, and echoes all data. */
  function agree(): void {
    component.on('upgrade', (_incoming, socket: Socket, head: Buffer) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ',
      );
      socket.write(head);
      socket.pipe(socket);
    });
  }
  function send(...packets: string[]): Socket {
    const socket = connect(proxy.port, '127.0.0.1').setNoDelay(true);
    for (const packet of packets) socket.write(packet);
    return socket;
  }
  async function until(socket: Socket, end: string): Promise<string> {
    let got = '';
    for await (const chunk of socket) {
      got += (chunk as Buffer).toString('latin1');
      if (got.endsWith(end)) break;
    }
    return got;
  }
  /** The bodies of the responses. */
  const bodies = (got: string) => got.split(/HTTP\/1\.1 \d{3} [^]*?\r\n\r\n/).slice(1);

  it.each([
    ['some', 'frame'],
    ['none', ''],
  ])('joins both sides, with early data: %s', async (_, frame) => {
    agree();
    const socket = send(`${WEBSOCKET}${frame}`);
    expect(bodies(await until(socket, `hello ${frame}`))).toEqual([`hello ${frame}`]);
    await eventuallyTrue('it is over', () => proxy.activity().inFlight === 0);
    expect(statuses).toEqual([101]);
  });

  it.each([
    ['a small response', 'small'],
    ['a slow response', LARGE],
  ])('works after other requests: %s', async (_, content) => {
    agree();
    handle = (_incoming, outgoing) => void setImmediate(() => outgoing.end(content));
    const got = await until(send(`${get('/a')}${get('/b')}${WEBSOCKET}frame`), 'hello frame');
    expect(bodies(got)).toEqual([content, content, 'hello frame']);
  });

  it('keeps the connection when the component rejects the upgrade, with the requests after it', async () => {
    handle = ({ url }, outgoing) => void outgoing.writeHead(url === '/ws' ? 426 : 200).end(`[${url}]`);
    const got = await text(send(`${get('/a')}${WEBSOCKET}${get('/b')}${LAST}`));
    expect(bodies(got).map((body) => /\[.*\]/.exec(body)?.[0])).toEqual(['[/a]', '[/ws]', '[/b]', '[/last]']);
  });

  it('ends with its client', async () => {
    handle = () => undefined;
    component.on('upgrade', () => undefined);
    const socket = send(`${get('/a')}${WEBSOCKET}`);
    await eventuallyTrue('it arrived', () => proxy.activity().inFlight === 1);
    socket.destroy();
    await eventuallyTrue('it is over', () => proxy.activity().inFlight === 0);
  });

  it('gets 502 when no process listens', async () => {
    component.closeAllConnections();
    component.close();
    expect(await until(send(WEBSOCKET), '}')).toMatch(/^HTTP\/1.1 502 /);
  });

  describe('to HTTP/2 is ignored, and the requests after it are served', () => {
    it.each([
      ['GET', [`${get('/h2', H2C)}${get('/b')}${LAST}`]],
      ['GET after another', [`${get('/a')}${get('/h2', H2C)}${get('/b')}${LAST}`]],
      ['GET, twice', [`${get('/h2', H2C)}${get('/b', H2C)}${LAST}`]],
      ['GET, with the next one in a separate packet', [get('/h2', H2C), get('/b'), LAST]],
      ['POST', [`POST /h2 HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 4\r\n\r\nbody${get('/b')}${LAST}`]],
      [
        'POST in two packets',
        [`POST /h2 HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 4\r\n\r\nbo`, `dy${get('/b')}${LAST}`],
      ],
    ])('%s', async (_, packets) => {
      handle = (incoming, outgoing) =>
        void text(incoming).then((body) => outgoing.end(`[${incoming.url} ${body}]`));
      const got = await text(send(...packets));
      const urls = [...got.matchAll(/\[(\/\S+) \S*\]/g)].map(([, url]) => url);
      expect(urls.slice(urls.indexOf('/h2'))).toEqual(['/h2', '/b', '/last']);
    });
  });
});
