import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { firstName, grpcMessage } from '../../../../src/agent/proxy/http2/grpc-message.decide.ts';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import {
  firstField,
  INFERENCE_SERVICE,
  type InferenceClient,
  inferenceClient,
  inferRequest,
} from '../../../support/grpc-inference.ts';
import { type PlayedWaker, playedWaker } from '../../../support/played-waker.ts';

type Unary = (call: { readonly request: Buffer }, answer: sendUnaryData<Buffer>) => void;

describe('gRPC with on-demand models', () => {
  let component: Server;
  let componentPort: number;
  let proxy: Proxy;
  let waker: PlayedWaker;
  let client: InferenceClient;
  let served: string[];

  const named = ({ request }: { readonly request: Buffer }) => String(firstField(request));
  const listen = (server: Server, port = 0) =>
    new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  const newComponent = () => {
    const server = new Server({ 'grpc.max_receive_message_length': -1 });
    const unary: Unary = (call, answer) => {
      const name = named(call);
      served.push(name);
      if (waker.states.get(name) === 'loaded' || name === 'undefined') answer(null, call.request);
      else answer({ code: status.NOT_FOUND, details: `Model ${name} not found` });
    };
    server.addService(INFERENCE_SERVICE, {
      ...{ ModelInfer: unary, ModelReady: unary, ModelMetadata: unary, ServerLive: unary },
      ModelStatistics: unary,
      ModelStreamInfer: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (request: Buffer) => call.write(request)).on('end', () => call.end());
      },
    });
    return server;
  };

  beforeEach(async () => {
    served = [];
    waker = playedWaker();
    component = newComponent();
    componentPort = await listen(component);
    proxy = await proxyBefore(componentPort, {
      wake: () => ({ waker, timeout: milliseconds(2_000), clock: systemClock }),
    });
    client = inferenceClient(proxy.port);
  });
  afterEach(async () => {
    client.close();
    await proxy.close(AbortSignal.abort());
    component.forceShutdown();
  });
  const waits = () => eventuallyTrue('it waits', () => waker.waiting.has('m'));

  it.each([
    ['small', 0],
    ['large', 8 * 1024 ** 2],
  ])('a model in memory: passes a %s request on and counts it as in flight', async (_, padding) => {
    waker.states.set('m', 'loaded');
    const request = inferRequest('m', [1], padding);
    expect((await client.call('ModelInfer', request)).equals(request)).toBe(true);
    await eventuallyTrue('it is over', () => waker.inFlight.get('m') === 0);
    expect(waker.waits).toEqual([]);
  });

  it.each([
    ['small', 0],
    ['large', 8 * 1024 ** 2],
  ])('a %s request waits for a sleeping model, and is passed on completely', async (_, padding) => {
    waker.states.set('m', 'asleep');
    const request = inferRequest('m', [1], padding);
    const answer = client.call('ModelInfer', request);
    await waits();
    expect(served).toEqual([]);
    waker.settle('m', { kind: 'loaded' });
    expect((await answer).equals(request)).toBe(true);
    await eventuallyTrue('it is over', () => waker.inFlight.get('m') === 0);
  });

  it('a stream waits with its first message, and all messages are passed on in order', async () => {
    waker.states.set('m', 'asleep');
    const requests = [1, 2, 3].map((value) => inferRequest('m', [value]));
    const answers = client.stream(requests);
    await waits();
    waker.settle('m', { kind: 'loaded' });
    expect((await answers).map((answer) => answer.toString('hex'))).toEqual(
      requests.map((request) => request.toString('hex')),
    );
  });

  it('rejected: UNAVAILABLE with the reason and the time to retry', async () => {
    waker.states.set('m', 'asleep');
    const answer = client.call('ModelInfer', inferRequest('m'));
    const failed = expect(answer).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'TooManyWaiting: 100 % – voll',
    });
    await waits();
    const refusal = {
      reason: 'TooManyWaiting',
      message: '100 % – voll',
      retryAfter: milliseconds(1_500),
    } as const;
    waker.settle('m', { kind: 'refused', ...refusal });
    await failed;
    expect(served).toEqual([]);
  });

  it('ends the wait when the client gives up', async () => {
    waker.states.set('m', 'asleep');
    const answer = client.call('ModelInfer', inferRequest('m'), { deadline: Date.now() + 500 });
    const failed = expect(answer).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await waits();
    await failed;
    await eventuallyTrue('no request waits', () => waker.waiting.size === 0);
    expect(served).toEqual([]);
  });

  it('reports a sleeping model as ready without waking it, and does not invent its metadata', async () => {
    waker.states.set('m', 'asleep');
    expect(firstField(await client.call('ModelReady', inferRequest('m')))).toBe(true);
    await expect(client.call('ModelMetadata', inferRequest('m'))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    expect([waker.waits, served]).toEqual([[], []]);
  });

  it("passes on the model server's own NOT_FOUND for an unknown model", async () => {
    await expect(client.call('ModelInfer', inferRequest('none'))).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  it('does not return NOT_FOUND from an unknown method for a sleeping model', async () => {
    waker.states.set('m', 'asleep');
    await expect(client.call('ModelStatistics', inferRequest('m'))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'Model m not found',
    });
  });

  it('passes on requests without a model, and empty messages', async () => {
    expect((await client.call('ServerLive', Buffer.alloc(0))).length).toBe(0);
  });

  it('waits for a component that is down, and returns UNAVAILABLE if it stays down', async () => {
    waker.states.set('m', 'loaded');
    component.forceShutdown();
    await expect(client.call('ModelInfer', inferRequest('m'))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('ModelServerAway'),
    });
    const answer = client.call('ModelInfer', inferRequest('m'));
    component = newComponent();
    await listen(component, componentPort);
    expect(firstField(await answer)).toBe('m');
  });

  it('a V2 request over HTTP/2 without gRPC waits by its path', async () => {
    waker.states.set('m', 'asleep');
    const session = connect(`http://127.0.0.1:${proxy.port}`);
    const call = session.request({ ':method': 'POST', ':path': '/v2/models/m/infer' });
    call.end('{}');
    let head: Record<string, unknown> = {};
    call.on('response', (headers) => (head = headers));
    await waits();
    waker.settle('m', { kind: 'refused', reason: 'LoadFailed', message: 'why', retryAfter: milliseconds(1) });
    expect(JSON.parse(await text(call))).toEqual({ error: 'LoadFailed: why' });
    expect(head).toMatchObject({ ':status': 503, 'retry-after': '1' });
    session.close();
  });
});

describe('the name of the model in a gRPC message', () => {
  const framed = (message: Buffer, compressed = 0) => {
    const prefix = Buffer.alloc(5);
    prefix[0] = compressed;
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  };
  it('is read from as few bytes as possible', () => {
    const whole = framed(inferRequest('iris', [1, 2], 100));
    const found = Array.from({ length: whole.length + 1 }, (_, length) =>
      firstName(whole.subarray(0, length)),
    );
    const first = found.findIndex(({ kind }) => kind === 'name');
    expect(first).toBe(5 + 2 + 4);
    expect(found.slice(first).every((one) => one.kind === 'name' && one.name === 'iris')).toBe(true);
    expect(found.slice(0, first).every(({ kind }) => kind === 'more')).toBe(true);
  });
  it('is read after other fields', () => {
    const behind = Buffer.concat([Buffer.from([0x12, 1, 0x61]), inferRequest('m')]);
    expect(firstName(framed(behind))).toEqual({ kind: 'name', name: 'm' });
  });
  it.each([
    ['compressed', framed(inferRequest('m'), 1)],
    ['empty', framed(Buffer.alloc(0))],
    ['an invalid message', framed(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))],
    [
      'a name after 128 KiB',
      framed(
        Buffer.concat([Buffer.from([0x12, 0x80, 0x80, 0x08]), Buffer.alloc(131_072), inferRequest('m')]),
      ),
    ],
  ])('%s: not read', (_, bytes) => {
    expect(firstName(bytes).kind).toBe('unreadable');
  });
  it('escapes the message', () => {
    expect(grpcMessage('a% ü\n')).toBe('a%25 %C3%BC%0A');
  });
});
