import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Counter, Registry } from 'prom-client';
import { createAgentMetrics } from '../../src/agent/status/metrics.ts';
import { startStatusServer } from '../../src/agent/status/status-server.ts';
import { createStatusBoard } from '../../src/agent/status/status-store.ts';
import { milliseconds } from '../../src/lib/clock.ts';
import type { EpochMs } from '../../src/lib/clock.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { startHealthServer } from '../../src/manager/health-server.ts';
import { startMetricsServer } from '../../src/manager/metrics-server.ts';
import { startLoopbackServer } from '../support/admission-server.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { quietLogger } from '../support/quiet-logger.ts';

/** Shorter than the default of some seconds. */
const REQUEST_TIME = milliseconds(300);
const KIB = 1024;

/** A listener of the manager or the agent, with a way to observe it. */
interface Listener {
  connect(): Promise<net.Socket>;
  /** A path that exists. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** The number of requests handled so far. */
  worked(): number;
  stop(): void | Promise<void>;
}

async function opened(socket: net.Socket, event: string): Promise<net.Socket> {
  socket.on('error', () => undefined);
  await once(socket, event);
  return socket;
}

const plain = (port: number) => (): Promise<net.Socket> =>
  opened(net.connect({ host: '127.0.0.1', port }), 'connect');
const common = {
  port: 0,
  host: '127.0.0.1',
  clock: systemClock,
  logger: quietLogger,
  requestTimeout: REQUEST_TIME,
};

async function webhook(): Promise<Listener> {
  let worked = 0;
  const server = await startLoopbackServer({
    handlers: new Map([['/mutate-pods', () => Promise.resolve({ kind: 'allowed' as const })]]),
    observe: () => void (worked += 1),
    requestTimeout: REQUEST_TIME,
  });
  const { port, ca, stop } = server;
  return {
    ...{ path: '/mutate-pods', method: 'POST', worked: () => worked, stop },
    connect: () => opened(tls.connect({ host: '127.0.0.1', port, ca }), 'secureConnect'),
  };
}

async function health(): Promise<Listener> {
  let worked = 0;
  const checks = new Map([['a', () => void (worked += 1)]]);
  const { port, stop } = await startHealthServer({ ...common, checks });
  return { path: '/readyz', method: 'GET', connect: plain(port), worked: () => worked, stop };
}

async function metrics(): Promise<Listener> {
  let worked = 0;
  const registry = new Registry();
  const collect = (): void => void (worked += 1);
  new Counter({ name: 'a_total', help: 'A.', registers: [registry], collect });
  const { port, stop } = await startMetricsServer({ ...common, registry });
  return { path: '/metrics', method: 'GET', connect: plain(port), worked: () => worked, stop };
}

async function status(): Promise<Listener> {
  let worked = 0;
  const server = await startStatusServer({
    ...{ port: 0, address: '127.0.0.1', board: createStatusBoard('i', 0 as EpochMs) },
    metrics: createAgentMetrics(
      () => [],
      () => false,
    ),
    drainWait: { wait: () => Promise.resolve('') },
    notReady: () => {
      worked += 1;
      return Promise.resolve(undefined);
    },
    requestTimeout: REQUEST_TIME,
  });
  const stop = (): void => server.close();
  return { path: '/readyz', method: 'GET', connect: plain(server.port), worked: () => worked, stop };
}

describe.each([
  ['the webhook', webhook],
  ['health', health],
  ['metrics', metrics],
  ["the agent's status", status],
])('%s', (_listener, start) => {
  let listener: Listener;
  beforeAll(async () => {
    listener = await start();
  });
  afterAll(() => listener.stop());

  const head = (more = '', path = listener.path): string =>
    `${listener.method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}`;
  const whole = (): string =>
    listener.method === 'POST' ? `${head()}Content-Length: 2\r\n\r\n{}` : `${head()}\r\n`;

  /** Sends data. Returns the response after the connection was closed. */
  async function exchange(send: (socket: net.Socket) => void): Promise<string> {
    const socket = await listener.connect();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    send(socket);
    await eventuallyTrue('the connection is closed', () => socket.closed || socket.readableEnded);
    socket.destroy();
    return answer;
  }

  async function isStillServing(): Promise<void> {
    const answer = await exchange((socket) =>
      socket.write(whole().replace('Host: x', 'Host: x\r\nConnection: close')),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 (200|400) /);
  }

  it.each([
    ['half of the first line', () => 'GET /'],
    ['half a head', () => head('Accept: ')],
    ['an incomplete body', () => head('Content-Length: 10\r\n\r\n{')],
  ])('times out an incomplete request: %s', async (_what, sent) => {
    await exchange((socket) => {
      socket.write(sent());
      const drip = setInterval(() => socket.write('a'), 100);
      socket.once('close', () => clearInterval(drip));
      socket.once('end', () => clearInterval(drip));
    });
    await isStillServing();
  });

  it.each([
    ['a long header', () => head(`X: ${'x'.repeat(64 * KIB)}\r\n\r\n`)],
    ['many headers', () => head(`${'x: y\r\n'.repeat(20_000)}\r\n`)],
    ['a long target', () => head('\r\n', `/${'x'.repeat(64 * KIB)}`)],
  ])('rejects a large head: %s', async (_what, sent) => {
    const before = listener.worked();
    expect(await exchange((socket) => socket.write(sent()))).toMatch(/^HTTP\/1\.1 431 /);
    expect(listener.worked()).toBe(before);
  });

  it('handles at most one of five thousand pipelined requests', async () => {
    const before = listener.worked();
    await exchange((socket) => socket.write(whole().repeat(5_000)));
    expect(listener.worked() - before).toBeLessThanOrEqual(1);
    await isStillServing();
  });

  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}'],
    ['a length and chunked encoding', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunked encoding that is not last', 'Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n'],
    ['two transfer encodings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
    ['an invalid length', 'Content-Length: +2\r\n\r\n{}'],
    ['a space before the colon', 'Content-Length : 2\r\n\r\n{}'],
    ['a line that ends without CR', 'Content-Length: 2\n\r\n{}'],
    ['a CR alone', 'X: a\rContent-Length: 2\r\n\r\n{}'],
  ])('rejects an ambiguous request that a proxy may read differently: %s', async (_what, framed) => {
    const before = listener.worked();
    const answer = await exchange((socket) => socket.end(head(framed) + whole()));
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(listener.worked() - before).toBeLessThanOrEqual(0);
  });

  it('does not buffer an endless body', async () => {
    const held = process.memoryUsage().rss;
    let sent = 0;
    await exchange((socket) => {
      socket.write(head(`Content-Length: ${1024 ** 4}\r\n\r\n`));
      const more = (): void => {
        do sent += 256 * KIB;
        while (!socket.destroyed && socket.write(Buffer.alloc(256 * KIB, 0x20)));
      };
      socket.on('drain', more);
      more();
    });
    expect(sent).toBeGreaterThan(0);
    expect((process.memoryUsage().rss - held) / KIB / KIB).toBeLessThan(200);
    await isStillServing();
  });
});
