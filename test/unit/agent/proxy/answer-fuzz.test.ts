import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import process from 'node:process';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import { exchangeBytes } from '../../../support/proxy-exchange.ts';
import { change } from '../../../support/proxy-fuzz.ts';
import { sized } from '../../../support/tier.ts';

/** FUZZ_SECONDS extends the search. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? sized({ check: 4, soak: 120 }));
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 8;

const some = (...texts: readonly string[]) => fc.constantFrom(...texts);
const header = some(
  ...['A: b', 'A : b', 'A b: c', 'A:', ': b', ' A: b', 'Connection: close', 'Connection: keep-alive'],
  ...['Keep-Alive: timeout=5', 'Upgrade: h2c', 'Connection: Upgrade', 'Trailer: X', 'Content-Encoding: gzip'],
  ...[
    'Content-Length: 3',
    'Content-Length : 3',
    'Content-Length: 4',
    'content-length: 0',
    'Content-Length: 3, 3',
  ],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip', 'Transfer-Encoding: identity'],
);
const answer = fc
  .record({
    before: some(
      '',
      '',
      '',
      '\r\n',
      'HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
    ),
    status: some(
      'HTTP/1.1 200 OK',
      'HTTP/1.1 200',
      'HTTP/1.1  200 OK',
      'HTTP/1.0 200 OK',
      'HTTP/1.1 204 No',
      'HTTP/1.1 304 No',
      'HTTP/1.1 101 X',
      'HTTP/1.1 099 X',
      'HTTP/1.2 200 OK',
    ),
    headers: fc.array(header, { maxLength: 4 }),
    framing: some('Content-Length: 3', 'Transfer-Encoding: chunked', 'A: b'),
    end: some('\r\n', '\r\n', '\n'),
    body: some(
      'abc',
      'abc',
      '3\r\nabc\r\n0\r\n\r\n',
      '3\r\nabc\r\n0\r\nX: y\r\n\r\n',
      '',
      'abcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    ),
  })
  .map(({ before, status, headers, framing, end, body }) =>
    [before, [status, ...headers, framing, '', body].join(end)].join(''),
  );
const oddAnswer = fc
  .tuple(answer, fc.array(change(), { maxLength: 2 }))
  .map(([text, changes]) => changes.reduce((bytes, apply) => apply(bytes), text));

describe('randomly changed responses of a component', () => {
  let component: Server;
  let proxy: Proxy;
  let answers: readonly string[] = [];
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    component = createServer((socket) => {
      sockets.add(socket.setNoDelay());
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        const [, odd] = /^\w+ \/(\d*) HTTP/.exec(chunk.toString('latin1')) ?? [];
        if (odd === '') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
        else if (odd !== undefined) {
          socket.write(answers[Number(odd)] ?? '', 'latin1');
          // After that, nothing more is sent, whatever the response announces.
          setTimeout(() => socket.end(), 30);
        }
      });
    }).listen(0, '127.0.0.1');
    await once(component, 'listening');
    proxy = await proxyBefore(component);
  });
  afterAll(async () => {
    await proxy.close(AbortSignal.abort());
    component.close();
    for (const socket of sockets) socket.destroy();
  });

  const ask = (path: string, method = 'GET') =>
    exchangeBytes(proxy.port, `${method} /${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`, 20_000);

  it(
    'end with their own request, and do not affect the next one',
    async () => {
      let count = 0;
      const methods = some('GET', 'POST', 'HEAD');
      const batch = fc.array(fc.tuple(oddAnswer, methods), { minLength: AT_ONCE, maxLength: AT_ONCE });
      const outcome = fc.asyncProperty(batch, async (all) => {
        count += all.length;
        answers = all.map(([bytes]) => bytes);
        const odd = await Promise.all(all.map(([, method], index) => ask(String(index), method)));
        expect(odd.map(({ isClosed }) => isClosed)).toEqual(all.map(() => true));
        const next = await Promise.all(all.map(() => ask('')));
        for (const { text } of next) expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfine$/);
      });
      await fc.assert(outcome, {
        seed: SEED,
        numRuns: 1_000_000,
        interruptAfterTimeLimit: SECONDS * 1000,
        endOnFailure: true,
      });
      console.log(`[measured] ${count} odd answers, seed ${SEED}`);
      await eventuallyTrue('nothing is in flight', () => proxy.activity().inFlight === 0);
    },
    (SECONDS + 60) * 1000,
  );
});
