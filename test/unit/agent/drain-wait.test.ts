import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDrainWait, type DrainWait } from '../../../src/agent/drain-wait.ts';
import { type FakeClock, fakeClock } from '../../support/clocks.ts';
import { eventuallyTrue } from '../../support/eventually.ts';

describe('a request that waits for the drain of the agent', () => {
  let clock: FakeClock;
  let drainWait: DrainWait;
  let server: Server;
  let callers: number;

  beforeEach(async () => {
    clock = fakeClock();
    drainWait = createDrainWait(clock);
    callers = 0;
    server = createServer((_, outgoing) => {
      callers += 1;
      void drainWait.wait(outgoing).then((text) => outgoing.end(text));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  async function call(signal?: AbortSignal): Promise<{ readonly answer: Promise<string> }> {
    const before = callers;
    const init = signal === undefined ? {} : { signal };
    const answer = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, init).then(
      (response) => response.text(),
      () => 'gone',
    );
    await eventuallyTrue('it is there', () => callers > before);
    return { answer };
  }

  it('does not wait for an agent that is not stopping', async () => {
    const { answer } = await call();
    await clock.advance(3_000);
    expect(await answer).toBe('the agent does not end');
  });

  it('may arrive before the drain starts and after it has ended', async () => {
    const early = await call();
    drainWait.begin();
    const { answer } = await call();
    await clock.advance(60_000);
    expect(await Promise.race([early.answer, answer, Promise.resolve('waits')])).toBe('waits');
    await drainWait.end();
    const late = await call();
    expect(await Promise.all([early.answer, answer, late.answer])).toEqual(
      Array<string>(3).fill('the agent has drained'),
    );
  });

  it('does not delay the agent after it was closed', async () => {
    drainWait.begin();
    const leaving = new AbortController();
    const { answer } = await call(leaving.signal);
    leaving.abort();
    expect(await answer).toBe('gone');
    await drainWait.end();
  });
});
