import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import {
  type OrdinaryFront,
  type PlayedComponent,
  playedComponent,
  startOrdinaryFront,
} from '../../../support/ordinary-front.ts';
import { type PlayedWaker, playedWaker } from '../../../support/played-waker.ts';
import { models, residencyScene } from '../../../support/residency-scene.ts';

const infer = (model: string, body = 'abc') =>
  `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
const REFUSED = {
  kind: 'refused',
  reason: 'WaitTimeout',
  message: 'why',
  retryAfter: milliseconds(1_500),
} as const;

/** Connections with requests of the fast path, which must not end in Node's server here. */
describe('a connection with requests of the fast path for on-demand models', () => {
  let component: PlayedComponent;
  let front: OrdinaryFront;
  let waker: PlayedWaker;

  beforeEach(async () => {
    component = await playedComponent((socket) => void socket.write(OK));
    waker = playedWaker();
    waker.states.set('m', 'loaded');
    front = await startOrdinaryFront(component.port, waker);
  });
  afterEach(() => {
    front.close();
    component.close();
  });

  const isOver = () =>
    eventuallyTrue(
      'nothing is in flight',
      () => front.state.inFlight === 0 && (waker.inFlight.get('m') ?? 0) === 0,
    );
  const uses = (count: number) =>
    eventuallyTrue(`${count} requests use the model`, () => waker.inFlight.get('m') === count);
  const waits = () => eventuallyTrue('a request waits', () => waker.waiting.has('m'));
  const bodies = () => component.asked.join('').match(/(?<=\r\n\r\n)[a-z]+/g);

  it('serves a loaded model, which is in use until the response ends', async () => {
    component.answer = () => undefined;
    const { socket, answers } = await front.open();
    socket.write(infer('m'));
    await eventuallyTrue('it is asked', () => component.asked.length === 1);
    expect(waker.inFlight.get('m')).toBe(1);
    component.sockets[0]!.write(OK);
    expect(await answers(1)).toEqual(['200']);
    await isOver();
    expect([front.handedOver(), waker.waits]).toEqual([0, []]);
  });

  it('decodes the name once, and accepts any characters', async () => {
    waker.states.set('a b', 'loaded').set('%61', 'loaded');
    const { socket, answers } = await front.open();
    for (const [index, name] of ['a%20b', '%2561', '%6d'].entries()) {
      socket.write(infer(name));
      await answers(index + 1);
    }
    await isOver();
    // A model that was used has an entry with zero uses.
    expect(Object.fromEntries(waker.inFlight)).toEqual({ 'a b': 0, '%61': 0, m: 0 });
  });

  it.each(['asleep', 'server-away'] as const)(
    '%s: a request waits, and is passed on completely',
    async (how) => {
      waker.states.set('m', how);
      const { socket, answers } = await front.open();
      socket.write(infer('m', 'abcdef').slice(0, -3));
      await waits();
      socket.write('def');
      await eventuallyTrue('it is in flight', () => front.state.inFlight === 1);
      expect(component.asked).toEqual([]);
      waker.settle('m', { kind: 'loaded' });
      expect(await answers(1)).toEqual(['200']);
      expect(bodies()).toEqual(['abcdef']);
      await isOver();
      expect(front.observed).toEqual([['/v2/models/m/infer', 200]]);
    },
  );

  it('leaves the response for an unknown model to the component', async () => {
    component.answer = (socket) => void socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    const { socket, answers } = await front.open();
    socket.write(infer('none'));
    expect(await answers(1)).toEqual(['404']);
    await isOver();
    expect([...waker.inFlight.keys()]).toEqual([]);
  });

  it.each([
    ['removed while it waits', { kind: 'removed' }, '200'],
    ['refused', REFUSED, '503'],
  ] as const)('%s: gets a response, and the connection continues', async (_, outcome, status) => {
    waker.states.set('m', 'asleep');
    const { socket, answers, read } = await front.open();
    socket.write(infer('m'));
    await waits();
    waker.settle('m', outcome);
    expect(await answers(1)).toEqual([status]);
    expect(read()).toContain('Keep-Alive: timeout=120\r\n');
    waker.states.set('m', 'loaded');
    socket.write(infer('m'));
    expect(await answers(2)).toEqual([status, '200']);
    await isOver();
    expect(front.handedOver()).toBe(0);
  });

  it('rejected before its body has arrived: the rest of the body is not a request', async () => {
    waker.states.set('m', 'asleep');
    const { socket, answers } = await front.open();
    const body = infer('m', 'xyz');
    socket.write(infer('m', body).slice(0, -body.length));
    await waits();
    waker.settle('m', REFUSED);
    expect(await answers(1)).toEqual(['503']);
    expect(front.state.inFlight).toBe(0);
    waker.states.set('m', 'loaded');
    socket.write(body + infer('m', 'last'));
    expect(await answers(2)).toEqual(['503', '200']);
    expect(bodies()).toEqual(['last']);
  });

  it.each([
    ['ready', '/v2/models/m/ready', '200'],
    ['readiness by V1', '/v1/models/m', '200'],
    ['metadata', '/v2/models/m', '503'],
  ])('answers %s of a sleeping model itself, and passes it on for a loaded one', async (_, target, own) => {
    const { socket, answers } = await front.open();
    waker.states.set('m', 'asleep');
    socket.write(get(target));
    expect([await answers(1), component.asked, waker.waits]).toEqual([[own], [], []]);
    waker.states.set('m', 'loaded');
    socket.write(get(target));
    expect([await answers(2), component.asked.length]).toEqual([[own, '200'], 1]);
    expect([...waker.inFlight.keys()]).toEqual([]);
  });

  it('alternates between a loaded and a sleeping model a hundred times', async () => {
    waker.states.set('n', 'asleep');
    const { socket, answers } = await front.open();
    for (let round = 0; round < 100; round += 1) {
      socket.write(infer('m', 'loaded'));
      await answers(2 * round + 1);
      waker.states.set('n', 'asleep');
      socket.write(infer('n', 'asleep'));
      await eventuallyTrue('it waits', () => waker.waiting.has('n'));
      waker.settle('n', { kind: 'loaded' });
      await answers(2 * round + 2);
    }
    await isOver();
    expect(bodies()).toEqual(Array.from({ length: 100 }, () => ['loaded', 'asleep']).flat());
    expect([front.handedOver(), socket.listenerCount('close') < 10, component.sockets.length]).toEqual([
      0,
      true,
      1,
    ]);
  });

  it('answers pipelined requests in order, whichever model sleeps', async () => {
    waker.states.set('n', 'asleep');
    component.answer = (socket, request) =>
      void socket.write(request.includes('models/n') ? OK.replace('200', '201') : OK);
    const { socket, answers } = await front.open();
    socket.write(infer('n', 'first').slice(0, -2));
    await eventuallyTrue('it waits', () => waker.waiting.has('n'));
    for (const next of ['st', infer('m', 'second')]) {
      socket.write(next);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
    expect(component.asked).toEqual([]);
    waker.settle('n', { kind: 'loaded' });
    expect(await answers(2)).toEqual(['201', '200']);
    expect(bodies()).toEqual(['first', 'second']);
    await isOver();
  });

  it.each([
    ['loaded', 'before its body is whole', infer('m').slice(0, -1)],
    ['loaded', 'while the component thinks', infer('m')],
    ['asleep', 'before its body is whole', infer('m').slice(0, -1)],
    ['asleep', 'while it waits', infer('m')],
  ] as const)('%s: a client that disconnects %s leaves no use and no wait', async (how, _, bytes) => {
    component.answer = () => undefined;
    waker.states.set('m', how);
    const { socket } = await front.open();
    socket.write(bytes);
    await (how === 'loaded' ? uses(1) : waits());
    socket.destroy();
    await isOver();
    expect([waker.waiting.size, front.observed]).toEqual([0, [['/v2/models/m/infer', 499]]]);
  });

  it('ends the wait of a client that has closed its side', async () => {
    waker.states.set('m', 'asleep');
    const { socket } = await front.open();
    socket.write(infer('m'));
    await waits();
    socket.end();
    await isOver();
    expect(waker.waiting.size).toBe(0);
  });

  const half = OK.replace('Length: 2', 'Length: 9');
  it.each([
    ['resets before the response', (socket: Socket) => void socket.resetAndDestroy(), '502'],
    ['closes during the response', (socket: Socket) => void socket.end(half), '200'],
    [
      'resets during the response',
      (socket: Socket) => void socket.write(half, () => socket.resetAndDestroy()),
      '200',
    ],
    ['responds in chunks', (socket: Socket) => void socket.write(CHUNKED), '200'],
    ['closes during the chunks', (socket: Socket) => void socket.end(CHUNKED.slice(0, -5)), '200'],
    [
      'responds with bytes that are not HTTP',
      (socket: Socket) => void socket.write('so what\r\n\r\n'),
      '502',
    ],
    ['sends only a head', (socket: Socket) => void socket.end('HTTP/1.1 204 No Content\r\n\r\n'), '204'],
  ])('a component that %s releases the model', async (_, play, status) => {
    component.answer = play;
    const { socket, answers } = await front.open();
    socket.write(infer('m'));
    expect(await answers(1)).toEqual([status]);
    await isOver();
    expect(front.observed).toEqual([['/v2/models/m/infer', Number(status)]]);
  });

  it('an endless response keeps the model in use until the client disconnects', async () => {
    component.answer = (socket) => void socket.write(half);
    const { socket, answers } = await front.open();
    socket.write(infer('m'));
    await answers(1);
    expect(waker.inFlight.get('m')).toBe(1);
    socket.destroy();
    await isOver();
  });

  it('a kept-alive connection that the component closed counts as one use without a failure', async () => {
    const { socket, answers } = await front.open();
    socket.write(infer('m'));
    await answers(1);
    component.sockets[0]!.destroy();
    socket.write(infer('m', 'again'));
    expect(await answers(2)).toEqual(['200', '200']);
    await isOver();
  });

  describe('while no process listens on the component port', () => {
    const away = async () => {
      component.close();
      await once(component.server, 'close');
      return () => once(component.server.listen(component.port, '127.0.0.1'), 'listening');
    };

    it('a request waits for it, and is passed on completely', async () => {
      const back = await away();
      const { socket, answers } = await front.open();
      socket.write(infer('m'));
      await uses(1);
      await back();
      expect(await answers(1)).toEqual(['200']);
      expect(bodies()).toEqual(['abc']);
      await isOver();
    });

    it('it does not come back: 503, and the model is released', async () => {
      await away();
      const { socket, answers, read } = await front.open();
      socket.write(infer('m'));
      expect(await answers(1)).toEqual(['503']);
      expect(read()).toContain('ModelServerAway');
      await isOver();
    });

    it('a client that disconnects leaves no use', async () => {
      await away();
      const { socket } = await front.open();
      socket.write(infer('m'));
      await uses(1);
      socket.destroy();
      await isOver();
    });

    it('does not wait with requests without a model', async () => {
      await away();
      const { socket, answers } = await front.open();
      socket.write(get('/other'));
      expect(await answers(1)).toEqual(['502']);
      await isOver();
    });
  });

  describe('with room for one of two models', () => {
    const ends: readonly [how: string, play: (client: Socket, component: Socket) => void][] = [
      ['gets a response', (_, socket) => void socket.write(OK)],
      ['gets a response in chunks', (_, socket) => void socket.write(CHUNKED)],
      ['gets a reset', (_, socket) => void socket.resetAndDestroy()],
      ['loses its client', (client) => void client.destroy()],
    ];

    it('never unloads a model before its request ends, a hundred times, however it ends', async () => {
      front.close();
      const scene = residencyScene({ memoryBudget: 1 });
      scene.serverUp();
      scene.setModels(models(2));
      await scene.clock.advance(3_000);
      front = await startOrdinaryFront(component.port, scene.residency.waker);
      component.answer = () => undefined;
      for (let round = 0; round < 100; round += 1) {
        const [slow, other] = scene.seen.loaded.has('m0') ? ['m0', 'm1'] : ['m1', 'm0'];
        const [how, play] = ends[round % ends.length]!;
        const { socket } = await front.open();
        socket.write(infer(slow));
        await eventuallyTrue('it is at the component', () => component.asked.length === round + 1);
        const unloads = scene.seen.unloads.length;
        const pressing = scene.request(other);
        await scene.clock.advance(5_000);
        expect({ round, how, unloads: scene.seen.unloads.length }).toEqual({ round, how, unloads });
        play(
          socket,
          component.sockets.findLast((one) => !one.destroyed)!,
        );
        await eventuallyTrue('it is over', () => front.state.inFlight === 0);
        await scene.clock.advance(1_000);
        expect([(await pressing).kind, [...scene.seen.loaded.keys()]]).toEqual(['loaded', [other]]);
        socket.destroy();
      }
      const { hits, misses } = scene.residency.figures().counts;
      expect([scene.seen.faults, hits, misses, front.handedOver()]).toEqual([[], 100, 100, 0]);
      scene.stop();
    });
  });
});
