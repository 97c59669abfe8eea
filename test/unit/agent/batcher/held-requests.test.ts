import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import { startBatcher } from '../../../../src/agent/batcher/start-batcher.ts';
import { type Proxy, startProxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

/** Two of the requests below fit, three do not. */
const MOST_HELD = 250_000;
const LARGE = JSON.stringify({ instances: ['x'.repeat(100_000)] });

describe('requests that wait for their batch', () => {
  let component: Server;
  let proxy: Proxy;
  let batcher: ReturnType<typeof startBatcher>;
  /** Answers the calls that have arrived. */
  let answerAll: () => void;

  beforeEach(async () => {
    const waiting: (() => void)[] = [];
    answerAll = () => waiting.splice(0).forEach((answer) => answer());
    component = createServer((incoming, outgoing) => {
      void text(incoming).then((body) => {
        const { instances } = JSON.parse(body) as { instances: unknown[] };
        waiting.push(() => outgoing.end(JSON.stringify({ predictions: instances.map(() => 1) })));
      });
    }).listen(0, '127.0.0.1');
    await once(component, 'listening');
    const { port: componentPort } = component.address() as AddressInfo;
    batcher = startBatcher({
      settings: { maxBatchSize: 1, maxLatency: milliseconds(5_000) },
      ...{ componentPort, registry: new Registry(), clock: systemClock, mostHeld: MOST_HELD },
    });
    proxy = await startProxy({
      ...{ port: 0, address: '127.0.0.1', componentPort, around: batcher.around },
      notReady: () => Promise.resolve(undefined),
      observe: () => undefined,
      stopwatch: () => performance.now(),
    });
  });
  afterEach(async () => {
    await proxy.close(AbortSignal.abort());
    batcher.close();
    component.close();
    component.closeAllConnections();
  });

  const predict = (body: string) =>
    fetch(`http://127.0.0.1:${proxy.port}/v1/models/m:predict`, { method: 'POST', body });
  const underWay = (count: number) =>
    eventuallyTrue(`${count} are in flight`, () => proxy.activity().inFlight === count);
  /** Answers calls until all of these requests have ended. */
  async function answered(...requests: Promise<Response>[]): Promise<number[]> {
    const timer = setInterval(answerAll, 10);
    const answers = await Promise.all(requests);
    clearInterval(timer);
    return answers.map(({ status }) => status);
  }
  /** Sends only a part of a body. */
  async function begin(bytes: number, of: number): Promise<Socket> {
    const socket = connect(proxy.port, '127.0.0.1');
    const head = `POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\nContent-Length: ${of}\r\n\r\n`;
    socket.write(head + LARGE.slice(0, bytes));
    await once(socket, 'connect');
    return socket;
  }

  it('get 503 with Retry-After when there is no room, until others are answered', async () => {
    const first = [predict(LARGE), predict(LARGE)];
    await underWay(2);
    const refused = await predict(LARGE);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.text()).toBe('too many requests wait for their batch\n');
    expect(await answered(...first)).toEqual([200, 200]);
    expect(await answered(predict(LARGE))).toEqual([200]);
  });

  it('release their room when their clients disconnect, before or after their bodies have arrived', async () => {
    for (const bytes of [LARGE.length - 1, LARGE.length]) {
      const sockets = [await begin(bytes, LARGE.length), await begin(bytes, LARGE.length)];
      await underWay(2);
      for (const socket of sockets) socket.destroy();
      await underWay(0);
      expect(await answered(predict(LARGE), predict(LARGE))).toEqual([200, 200]);
    }
  });

  it('make room for each other: a slow body is rejected first', async () => {
    const slow = await begin(90_000, 200_000);
    await underWay(1);
    const refused = text(slow);
    const whole = [predict(LARGE)];
    await underWay(2);
    whole.push(predict(LARGE));
    expect(await refused).toMatch(/^HTTP\/1\.1 503 [^]*Connection: close\r\n/);
    expect(await answered(...whole)).toEqual([200, 200]);
  });

  it.each([
    ['lists', `{"instances":[${'[],'.repeat(9_999)}[]]}`],
    ['objects', `{"instances":[${'{},'.repeat(9_999)}{}]}`],
    ['numbers', `{"instances":[${'1,'.repeat(19_999)}1]}`],
    ['no JSON', ','.repeat(20_000)],
  ])('count by their parsed size, not only by their text: %s', async (_, body) => {
    const refused = await predict(body);
    expect([refused.status, await refused.text()]).toEqual([413, expect.stringContaining('values')]);
  });

  it('do not break the batch of others by nesting too deeply', async () => {
    const nested = (depth: number) => `{"instances":[${'['.repeat(depth)}${']'.repeat(depth)}]}`;
    const refused = await predict(nested(4_000));
    expect([refused.status, await refused.text()]).toEqual([400, "can't Unmarshal body\n"]);
    expect(await answered(predict(nested(900)))).toEqual([200]);
  });

  it('do not count the content of a string as values', async () => {
    const body = JSON.stringify({ instances: [`,[{\\"`.repeat(10_000)] });
    expect(await answered(predict(body))).toEqual([200]);
  });
});
