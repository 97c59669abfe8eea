import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Milliseconds } from '../../../../src/lib/clock.ts';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

const HEAD_TIME = 300 as Milliseconds;
const MOST = 12;
const HEAD = 'GET / HTTP/1.1\r\nHost: x\r\n';

describe('slow clients, and many clients', () => {
  let component: Server;
  let handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  let proxy: Proxy;
  let clients: Socket[];

  beforeEach(async () => {
    clients = [];
    handle = (_incoming, outgoing) => outgoing.end('answer');
    component = createServer({ maxHeaderSize: 1_000_000 }, (incoming, outgoing) =>
      handle(incoming, outgoing),
    ).listen(0, '127.0.0.1');
    await once(component, 'listening');
  });
  afterEach(async () => {
    for (const client of clients) client.destroy();
    await proxy.close(AbortSignal.abort());
    component.closeAllConnections();
    component.close();
  });

  async function start(headTime = HEAD_TIME, mostHeld?: number): Promise<void> {
    proxy = await proxyBefore(component, {
      ...{ headTime, mostConnections: MOST, ...(mostHeld === undefined ? {} : { mostHeld }) },
    });
  }
  async function client(sent: string): Promise<Socket> {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    clients.push(socket);
    await once(socket, 'connect');
    if (sent !== '') socket.write(sent);
    return socket;
  }
  const honest = async () => (await fetch(`http://127.0.0.1:${proxy.port}/`)).text();

  describe('an incomplete head', () => {
    beforeEach(() => start());

    it.each([
      ['nothing', ''],
      ['a part of the first line', 'GET /'],
      ['half a header', `${HEAD}Accept: `],
      ['all but the end', HEAD],
      ['half of the HTTP/2 preface', 'PRI * HTT'],
      ['empty lines', '\r\n\r\n'],
      ['half a head after a request', `${HEAD}\r\n${HEAD}`],
    ])('closes the connection: %s', async (_, sent) => {
      const sockets = await Promise.all(Array.from({ length: 5 }, () => client(sent)));
      await Promise.all(sockets.map((socket) => text(socket)));
      expect(sockets.every(({ readableEnded }) => readableEnded)).toBe(true);
    });

    it('closes the connection even if a byte arrives now and then', async () => {
      const socket = await client(HEAD);
      const drip = setInterval(() => socket.write('a'), 20);
      await text(socket).finally(() => clearInterval(drip));
      expect(socket.readableEnded).toBe(true);
    });

    it('gets a response with 408', async () => {
      expect(await text(await client(HEAD))).toMatch(/^HTTP\/1.1 408 [^]*within/);
    });
  });

  it('may take longer for a body, and the component for its response', async () => {
    await start();
    handle = (incoming, outgoing) =>
      void text(incoming).then((body) => delay(3 * HEAD_TIME).then(() => outgoing.end(body)));
    const socket = await client(
      `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\n`,
    );
    for (const byte of 'body') {
      await delay(HEAD_TIME);
      socket.write(byte);
    }
    expect(await text(socket)).toMatch(/body$/);
  });

  it('are limited in the total size of heads, and those with the smallest heads stay', async () => {
    await start(60_000 as Milliseconds, 1_000_000);
    const headers = (bytes: number) => `${HEAD}A: ${'a'.repeat(bytes)}`;
    const small = await client(headers(100_000));
    const large = await Promise.all(Array.from({ length: 6 }, () => client(headers(400_000))));
    for (const socket of large) socket.resume();
    await eventuallyTrue('some were closed', () => large.filter(({ closed }) => closed).length >= 4);
    small.write('\r\nConnection: close\r\n\r\n');
    expect(await text(small)).toMatch(/answer$/);
  });

  describe('more connections than the limit', () => {
    beforeEach(() => start(60_000 as Milliseconds));

    it.each([
      ['nothing', ''],
      ['half a head', HEAD],
      ['only a request', `${HEAD}\r\n`],
      ['half a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc'],
      ['half of a long body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc'],
    ])('lock out no client: %s', async (_, sent) => {
      handle = (incoming, outgoing) => void incoming.resume().on('end', () => outgoing.end('answer'));
      for (let count = 0; count < 3 * MOST; count += 1) (await client(sent)).resume();
      expect(await honest()).toBe('answer');
      await eventuallyTrue(
        'connections were closed',
        () => clients.filter(({ closed }) => !closed).length <= MOST,
      );
    });

    it('close none that waits for its response', async () => {
      const waiting: ServerResponse[] = [];
      handle = (_incoming, outgoing) => void waiting.push(outgoing);
      const answers = Promise.all(
        (
          await Promise.all(Array.from({ length: MOST }, () => client(`${HEAD}Connection: close\r\n\r\n`)))
        ).map((socket) => text(socket)),
      );
      await eventuallyTrue('all arrived', () => waiting.length === MOST);
      await text(await client(HEAD));
      for (const outgoing of waiting) outgoing.end('late');
      expect((await answers).every((answer) => answer.endsWith('late'))).toBe(true);
    });
  });
});

describe('HTTP/2 in clear text', () => {
  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

  it.each([[1], [3], [15], [16], [24]])(
    'reaches the component byte by byte, starting with %d',
    async (first) => {
      const arrived: Promise<string>[] = [];
      const component = createTcpServer((socket) => void arrived.push(text(socket))).listen(0, '127.0.0.1');
      await once(component, 'listening');
      const proxy = await proxyBefore(component);
      const socket = connect(proxy.port, '127.0.0.1').setNoDelay(true);
      for (let at = 0; at < PREFACE.length; at += first) {
        socket.write(PREFACE.slice(at, at + first));
        await delay(2);
      }
      socket.end('frames');
      await eventuallyTrue('it arrived', () => arrived.length === 1);
      expect(await arrived[0]).toBe(`${PREFACE}frames`);
      await proxy.close(AbortSignal.abort());
      component.close();
    },
  );
});
