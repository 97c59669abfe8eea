import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { BodySight, Look } from '../../../../src/agent/proxy/around.ts';
import { type Proxy, startProxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import { type PlayedWaker, playedWaker } from '../../../support/played-waker.ts';
import { type RecordingComponent, startRecordingComponent } from '../../../support/recording-component.ts';

/** The observations of one request. */
interface Seen {
  readonly headers: readonly string[];
  request: string;
  status: number;
  answer: string;
}

const LARGE = 'x'.repeat(200_000);
const withLength = (target: string, body: string) =>
  `POST ${target} HTTP/1.1\r\nHost: h\r\nX-Name: value\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const inChunks = (target: string) =>
  `POST ${target} HTTP/1.1\r\nHost: h\r\nX-Name: value\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
/** Requests that the proxy parses itself, and those that Node's server parses. */
const REQUESTS: readonly (readonly [name: string, bytes: string, body: string])[] = [
  ['a body with a length', withLength('/1', 'abc'), 'abc'],
  ['no body', 'GET /2 HTTP/1.1\r\nHost: h\r\nX-Name: value\r\n\r\n', ''],
  ['a body in chunks', inChunks('/3'), 'abc'],
  ['a large body', withLength('/4', LARGE), LARGE],
  [
    'Expect: 100-continue',
    withLength('/5', 'abc').replace('X-Name', 'Expect: 100-continue\r\nX-Name'),
    'abc',
  ],
];
const ANSWERS: readonly (readonly [name: string, bytes: string, closes: boolean, seen: string])[] = [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', false, '200 ok'],
  ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', false, '204 '],
  ['a length of 0', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', false, '404 '],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nlie\r\n0\r\n\r\n',
    false,
    '200 oklie',
  ],
  ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok', true, '200 ok'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok', true, '200 ok'],
  [
    'a large body',
    `HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n${LARGE}`,
    false,
    `200 ${LARGE}`,
  ],
  [
    '100 Continue before it',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno',
    false,
    '500 no',
  ],
];

describe('an observer of requests', () => {
  let component: RecordingComponent;
  let proxy: Proxy;
  let seen: Seen[];
  let over: number;
  let waker: PlayedWaker | undefined;

  const look: Look = (headers) => {
    const one: Seen = { headers: [...headers], request: '', status: 0, answer: '' };
    const bodyOf = (name: 'request' | 'answer'): BodySight => {
      let body = '';
      return { add: (chunk) => (body += chunk.toString('latin1')), end: () => (one[name] = `${body}.`) };
    };
    seen.push(one);
    return {
      request: bodyOf('request'),
      answer: (status) => {
        if (one.status !== 0) throw new Error('the answer was looked at twice');
        one.status = status;
        return bodyOf('answer');
      },
      over: () => (over += 1),
    };
  };

  beforeEach(async () => {
    seen = [];
    over = 0;
    waker = undefined;
    component = await startRecordingComponent();
    proxy = await startProxy({
      ...{ port: 0, address: '127.0.0.1', componentPort: component.port, look },
      notReady: () => Promise.resolve(undefined),
      observe: () => undefined,
      wake: () => waker && { waker, timeout: milliseconds(60_000), clock: systemClock },
      stopwatch: () => performance.now(),
    });
  });
  afterEach(async () => {
    await proxy.close(AbortSignal.abort());
    component.close();
  });
  const open = async (): Promise<Socket> => {
    const socket = connect(proxy.port, '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    return socket;
  };
  const allOver = () =>
    eventuallyTrue(
      'nothing is in flight',
      () => proxy.activity().inFlight === 0 && over >= seen.length && over > 0,
    );

  describe.each(ANSWERS)('sees a response with %s', (_, bytes, closes, answer) => {
    it.each(REQUESTS)('to a request with %s', async (_name, request, body) => {
      component.answer = { bytes, closes };
      const socket = await open();
      socket.resume();
      socket.write(request);
      await eventuallyTrue('the answer was seen', () => seen[0]?.answer.endsWith('.') === true);
      const [one] = seen;
      expect([one?.request, `${one?.status} ${one?.answer}`]).toEqual([`${body}.`, `${answer}.`]);
      expect(one?.headers).toContain('X-Name');
      await allOver();
      socket.destroy();
    });
  });

  it.each(REQUESTS)(
    'sees each of three requests with %s on one connection, wherever they are split',
    async (_, bytes) => {
      const socket = await open();
      socket.resume();
      for (let round = 1; round <= 3; round += 1) {
        const at = Math.floor((bytes.length * round) / 4);
        socket.write(bytes.slice(0, at));
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
        socket.write(bytes.slice(at));
        await eventuallyTrue(`answer ${round} was seen`, () => seen[round - 1]?.answer === 'ok.');
      }
      expect(new Set(seen.map(({ request }) => request)).size).toBe(1);
      socket.destroy();
    },
  );

  it.each(['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'HTTP/1.1 200 OK\r\nTransfer-'])(
    'does not see the end of a truncated response: %j',
    async (bytes) => {
      component.answer = { bytes, closes: true };
      const socket = await open();
      socket.write(withLength('/1', 'abc'));
      const came = await text(socket.end());
      await allOver();
      // If the response never began, the agent sends an error.
      const refused = /\r\n\r\n(\{.*\})$/.exec(came)?.[1];
      expect(seen).toMatchObject([{ request: 'abc.', answer: refused === undefined ? '' : `${refused}.` }]);
    },
  );

  it('does not see the end of a request whose client disconnects', async () => {
    for (const bytes of [withLength('/1', 'abcdef'), inChunks('/2')]) {
      seen = [];
      over = 0;
      const socket = await open();
      socket.write(bytes.slice(0, -2));
      await eventuallyTrue('it is seen', () => seen.length === 1);
      socket.destroy();
      await allOver();
      expect(seen).toMatchObject([{ request: '', answer: '' }]);
    }
  });

  it('sees requests for sleeping models, loaded models, and models that fail to load', async () => {
    waker = playedWaker();
    waker.states.set('m', 'asleep');
    const infer = (body: string) => withLength('/v2/models/m/infer', body);
    const socket = await open();
    socket.resume();
    socket.write(infer('asleep'));
    await eventuallyTrue('it waits', () => waker?.waiting.has('m') === true);
    waker.settle('m', { kind: 'loaded' });
    await eventuallyTrue('it was answered', () => seen[0]?.answer === 'ok.');
    socket.write(infer('loaded'));
    await eventuallyTrue('it was answered', () => seen[1]?.answer === 'ok.');
    waker.states.set('m', 'asleep');
    socket.write(infer('in vain'));
    await eventuallyTrue('it waits', () => waker?.waiting.has('m') === true);
    const [reason, message] = ['LoadFailed', 'it does not load'] as const;
    waker.settle('m', { kind: 'refused', reason, message, retryAfter: milliseconds(1_000) });
    await eventuallyTrue('it was refused', () => seen[2]?.status === 503);
    expect(seen.map(({ request }) => request)).toEqual(['asleep.', 'loaded.', 'in vain.']);
    await allOver();
    socket.destroy();
  });

  it('does not see probes and rejected requests', async () => {
    for (const bytes of [
      'GET /1 HTTP/1.1\r\nHost: h\r\nUser-Agent: kube-probe/1.31\r\nConnection: close\r\n\r\n',
      'GET /2 HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n',
    ]) {
      const socket = await open();
      socket.write(bytes);
      expect(await text(socket)).toMatch(/^HTTP\/1.1 [24]00/);
    }
    expect(seen).toEqual([]);
  });
});
