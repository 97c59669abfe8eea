import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import { type AroundProxy, startAround } from '../../../../src/agent/around-proxy.ts';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { milliseconds, seconds } from '../../../../src/lib/clock.ts';
import { silentLogger } from '../../../../src/lib/log.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import { type PlayedWaker, playedWaker } from '../../../support/played-waker.ts';

let component: Server;
let around: AroundProxy;
let proxy: Proxy;
let waker: PlayedWaker;
const batches: unknown[] = [];

beforeAll(async () => {
  waker = playedWaker();
  component = createServer((incoming, outgoing) => {
    void text(incoming).then((body) => {
      const { instances } = JSON.parse(body) as { instances: unknown[] };
      batches.push(instances);
      outgoing.end(JSON.stringify({ predictions: instances }));
    });
  }).listen(0, '127.0.0.1');
  await once(component, 'listening');
  const componentPort = (component.address() as AddressInfo).port;
  const batcher = { maxBatchSize: 3, maxLatency: seconds(5) };
  around = await startAround({
    options: { logger: undefined, batcher, componentPort },
    registry: new Registry(),
    ...{ clock: systemClock, log: silentLogger, environment: {}, logThread: new URL('file:///none') },
  });
  proxy = await proxyBefore(componentPort, {
    around: around.around,
    wake: () => ({ waker, timeout: milliseconds(2_000), clock: systemClock }),
  });
});
afterAll(async () => {
  await proxy.close(AbortSignal.abort());
  await around.stop(AbortSignal.abort());
  component.closeAllConnections();
  component.close();
});

it('waiting requests are batched when their model is loaded, and are in flight until their response', async () => {
  waker.states.set('m', 'asleep');
  const predict = async (value: number) => {
    const body = JSON.stringify({ instances: [value] });
    const answer = await fetch(`http://127.0.0.1:${proxy.port}/v1/models/m:predict`, {
      method: 'POST',
      body,
    });
    return ((await answer.json()) as { predictions: unknown }).predictions;
  };
  const answers = [1, 2, 3].map(predict);
  await eventuallyTrue('all wait', () => waker.waits.length === 3);
  expect(batches).toEqual([]);
  waker.settle('m', { kind: 'loaded' });
  expect(await Promise.all(answers)).toEqual([[1], [2], [3]]);
  expect(batches.map((batch) => [...(batch as number[])].sort())).toEqual([[1, 2, 3]]);
  await eventuallyTrue('nothing is in flight', () => waker.inFlight.get('m') === 0);
});
