import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { playedWaker } from '../../../support/played-waker.ts';

const GENEROUS = {
  maxHeaderListPairs: 20_000,
  maxSendHeaderBlockLength: 2 ** 21,
  settings: { maxHeaderListSize: 2 ** 21 },
};

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, `value ${index}`]));

describe('HTTP/2 headers', () => {
  let component: Http2Server;
  let proxy: Proxy;
  let client: ClientHttp2Session;
  let seen: IncomingHttpHeaders;
  let answer: Record<string, string>;
  let trailers: Record<string, string>;

  async function start(isOnDemand: boolean): Promise<void> {
    component = createServer(GENEROUS).listen(0, '127.0.0.1');
    component.on('stream', (stream: ServerHttp2Stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 200, ...answer }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.resume().on('end', () => stream.end('ok'));
    });
    await once(component, 'listening');
    const waker = playedWaker();
    proxy = await proxyBefore(component, {
      ...(isOnDemand && { wake: () => ({ waker, timeout: milliseconds(2_000), clock: systemClock }) }),
    });
    client = connect(`http://127.0.0.1:${proxy.port}`, GENEROUS).on('error', () => undefined);
  }
  beforeEach(() => {
    [seen, answer, trailers] = [{}, {}, {}];
  });
  afterEach(async () => {
    client.destroy();
    await proxy.close(AbortSignal.abort());
    component.close();
  });

  async function ask(headers: Record<string, string>): Promise<unknown> {
    const stream = client.request({ ':method': 'POST', ':path': '/x', ...headers });
    stream.end('body');
    let got: IncomingHttpHeaders = {};
    let after: IncomingHttpHeaders = {};
    stream.on('response', (head) => {
      got = head;
    });
    stream.on('trailers', (head: IncomingHttpHeaders) => {
      after = head;
    });
    const closed = once(stream, 'close');
    let text = '';
    for await (const chunk of stream as AsyncIterable<Buffer>) text += String(chunk);
    await closed;
    return { status: got[':status'], text, answer: kept(got, answer), trailers: kept(after, trailers) };
  }

  function kept(all: Record<string, unknown>, wanted: Record<string, string>): Record<string, unknown> {
    return Object.fromEntries(Object.keys(wanted).map((name) => [name, all[name]]));
  }

  describe.each([
    ['joined', false],
    ['with on-demand models', true],
  ])('%s', (_, isOnDemand) => {
    beforeEach(() => start(isOnDemand));

    it.each([
      ['a value of 100 kB', { 'x-a': 'a'.repeat(100_000) }],
      ['1,000 headers', many(1_000)],
      [
        '100 kB in 100 headers',
        Object.fromEntries(Object.keys(many(100)).map((name) => [name, 'b'.repeat(1_000)])),
      ],
    ])('are passed on in both directions: %s', async (_what, headers) => {
      answer = headers;
      expect(await ask(headers)).toEqual({ status: 200, text: 'ok', answer: headers, trailers: {} });
      expect(kept(seen, headers)).toEqual(headers);
    });

    it('are passed on as trailers: 20 kB, like gRPC errors', async () => {
      trailers = { 'grpc-message': 'a'.repeat(20_000), ...many(100) };
      expect(await ask({})).toEqual({ status: 200, text: 'ok', answer: {}, trailers });
    });
  });
});
