import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventually, eventuallyTrue } from '../../../support/eventually.ts';
import { type PlayedWaker, playedWaker } from '../../../support/played-waker.ts';

const INFER = '/v2/models/m/infer';
const AWAKE_WITHIN = milliseconds(2_000);

describe('requests for on-demand models', () => {
  let component: Server;
  let proxy: Proxy;
  let waker: PlayedWaker;
  let served: { path: string; body: string; continued: boolean }[];
  let observed: [path: string, status: number][];
  const componentPort = () => (component.address() as AddressInfo).port;

  beforeEach(async () => {
    served = [];
    observed = [];
    waker = playedWaker();
    component = createServer();
    const serve = (incoming: IncomingMessage, continued: boolean) =>
      void text(incoming).then((body) => served.push({ path: incoming.url ?? '', body, continued }));
    component.on('request', (incoming, outgoing) => {
      serve(incoming, false);
      incoming.on('end', () => outgoing.writeHead(waker.states.has('m') ? 200 : 404).end('answer'));
    });
    component.on('checkContinue', (incoming, outgoing) => {
      outgoing.writeContinue();
      serve(incoming, true);
      incoming.on('end', () => outgoing.end('answer'));
    });
    component.listen(0, '127.0.0.1');
    await once(component, 'listening');
    proxy = await proxyBefore(componentPort(), {
      observe: (path, status) => void observed.push([path, status]),
      wake: () => ({ waker, timeout: AWAKE_WITHIN, clock: systemClock }),
    });
  });
  afterEach(async () => {
    await proxy.close(AbortSignal.abort());
    component.closeAllConnections();
    component.close();
  });

  const call = (
    path = INFER,
    options: Parameters<typeof request>[1] = {},
    body: string | Buffer = 'body',
  ) => {
    const made = request(`http://127.0.0.1:${proxy.port}${path}`, { method: 'POST', ...options });
    made.end(body);
    const answered = (once(made, 'response') as Promise<[IncomingMessage]>).then(async ([answer]) => ({
      status: answer.statusCode,
      headers: answer.headers,
      body: await text(answer),
    }));
    answered.catch(() => undefined);
    return { made, answered };
  };
  const waits = () => eventuallyTrue('the request waits', () => waker.waiting.has('m'));

  it('a model in memory: the request is passed on at once, and is in flight until its response ends', async () => {
    waker.states.set('m', 'loaded');
    expect(await call().answered).toMatchObject({ status: 200, body: 'answer' });
    expect([waker.waits, waker.inFlight.get('m')]).toEqual([[], 0]);
  });

  it.each([
    ['small', 'body'],
    ['large', 'x'.repeat(4 * 1024 ** 2)],
  ])(
    'a %s request waits, is passed on completely when the model is loaded, and is in flight then',
    async (_, body) => {
      waker.states.set('m', 'asleep');
      const { answered } = call(INFER, {}, body);
      await waits();
      expect([served, proxy.activity().inFlight]).toEqual([[], 1]);
      waker.settle('m', { kind: 'loaded' });
      expect(waker.inFlight.get('m') ?? 0).toBe(0);
      expect(await answered).toMatchObject({ status: 200 });
      expect(served).toEqual([{ path: INFER, body, continued: false }]);
      await eventuallyTrue('nothing is in flight', () => waker.inFlight.get('m') === 0);
      expect([observed, proxy.activity().inFlight]).toEqual([[[INFER, 200]], 0]);
    },
  );

  it('a client with Expect: 100-continue gets 100 when the model is loaded', async () => {
    waker.states.set('m', 'asleep');
    const made = request(`http://127.0.0.1:${proxy.port}${INFER}`, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': 4 },
    });
    let isAsked = false;
    made.on('continue', () => {
      isAsked = true;
      made.end('body');
    });
    made.flushHeaders();
    await waits();
    expect(isAsked).toBe(false);
    waker.settle('m', { kind: 'loaded' });
    const [answer] = (await once(made, 'response')) as [IncomingMessage];
    expect([answer.statusCode, isAsked, served[0]?.continued]).toEqual([200, true, true]);
    answer.resume();
  });

  it.each([
    ['small', 'body'],
    ['large', 'x'.repeat(4 * 1024 ** 2)],
  ])('rejected with a %s body: 503, Retry-After, and the reason', async (_, body) => {
    waker.states.set('m', 'asleep');
    const { answered } = call(INFER, {}, body);
    await waits();
    const refusal = { reason: 'WaitTimeout', message: 'why', retryAfter: milliseconds(1_500) } as const;
    waker.settle('m', { kind: 'refused', ...refusal });
    const { status, headers, body: said } = await answered;
    expect([status, headers['retry-after'], JSON.parse(said)]).toEqual([
      503,
      '2',
      { error: 'WaitTimeout: why' },
    ]);
    // A request is counted once its answer is over, which the client may see before.
    await eventually(() => expect([served, observed]).toEqual([[], [[INFER, 503]]]));
  });

  it('removed meanwhile: the model server responds', async () => {
    waker.states.set('m', 'asleep');
    const { answered } = call();
    await waits();
    waker.settle('m', { kind: 'removed' });
    expect(await answered).toMatchObject({ status: 404, body: 'answer' });
  });

  it('ends the wait when the client disconnects, and records it', async () => {
    waker.states.set('m', 'asleep');
    const { made } = call();
    await waits();
    made.on('error', () => undefined).destroy();
    await eventuallyTrue('the wait has ended', () => waker.waiting.size === 0 && observed.length === 1);
    expect([observed, served, proxy.activity().inFlight]).toEqual([[[INFER, 499]], [], 0]);
  });

  it('a connection that ends before the turn of its second request leaves no model in use', async () => {
    waker.states.set('m', 'asleep');
    waker.states.set('n', 'loaded');
    const socket = connect(proxy.port, '127.0.0.1');
    const post = (model: string) =>
      `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`;
    socket.write(post('m') + post('n'));
    await waits();
    socket.destroy();
    await eventuallyTrue(
      'no request waits',
      () => waker.waiting.size === 0 && proxy.activity().inFlight === 0,
    );
    expect([...waker.inFlight.values()].every((count) => count === 0)).toBe(true);
  });

  it('passes on requests for an unknown model', async () => {
    expect(await call('/v2/models/none/infer').answered).toMatchObject({ status: 404, body: 'answer' });
    expect(waker.waits).toEqual([]);
  });

  it.each(['/v1/models/m', '/v2/models/m/ready'])(
    '%s: a sleeping model is ready, and stays asleep',
    async (path) => {
      waker.states.set('m', 'asleep');
      const { status, body } = await call(path, { method: 'GET' }, '').answered;
      expect([status, JSON.parse(body), waker.waits, served]).toEqual([
        200,
        { name: 'm', ready: true },
        [],
        [],
      ]);
      expect(await call(path, { method: 'HEAD' }, '').answered).toMatchObject({ status: 200, body: '' });
    },
  );

  it('does not invent metadata of a sleeping model', async () => {
    waker.states.set('m', 'asleep');
    const { status, body } = await call('/v2/models/m', { method: 'GET' }, '').answered;
    expect([status, waker.waits]).toEqual([503, []]);
    expect(body).toContain('ModelSleeps');
  });

  describe('while no process listens on the component port', () => {
    beforeEach(() => {
      waker.states.set('m', 'loaded');
    });
    const away = async () => {
      const port = componentPort();
      component.closeAllConnections();
      component.close();
      await once(component, 'close');
      return async () => {
        component.listen(port, '127.0.0.1');
        await once(component, 'listening');
      };
    };

    it.each([
      ['small', 'body'],
      ['large', 'x'.repeat(4 * 1024 ** 2)],
    ])('a %s request waits for it', async (_, body) => {
      const back = await away();
      const { answered } = call(INFER, {}, body);
      await eventuallyTrue('the request is in flight', () => proxy.activity().inFlight === 1);
      await back();
      expect(await answered).toMatchObject({ status: 200 });
      expect(served).toEqual([{ path: INFER, body, continued: false }]);
    });

    it('it is back without the model: the request waits for that too', async () => {
      const back = await away();
      const { answered } = call();
      await eventuallyTrue('the request is in flight', () => proxy.activity().inFlight === 1);
      waker.states.set('m', 'asleep');
      await waits();
      await back();
      waker.settle('m', { kind: 'loaded' });
      expect(await answered).toMatchObject({ status: 200 });
    });

    it('the pod is ending: 503 at once, because it does not come back', async () => {
      await away();
      waker.ending = true;
      const { status, headers, body } = await call().answered;
      expect([status, headers['retry-after']]).toEqual([503, '1']);
      expect(body).toContain('Stopping');
    });

    it('it does not come back: 503 and Retry-After', async () => {
      await away();
      const { status, headers, body } = await call().answered;
      expect([status, headers['retry-after']]).toEqual([503, '1']);
      expect(body).toContain('ModelServerAway');
    });
  });
});
