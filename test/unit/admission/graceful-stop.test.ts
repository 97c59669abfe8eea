import { Agent } from 'node:https';
import { describe, expect, it } from '@jest/globals';
import type { AdmissionDecision } from '../../../src/admission/admission-review.decide.ts';
import { milliseconds, type Clock } from '../../../src/lib/clock.ts';
import type { AdmissionHandler } from '../../../src/admission/review-endpoint.ts';
import { answeredReview, call, reviewOf } from '../../support/admission-client.ts';
import { startLoopbackServer } from '../../support/admission-server.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const DRAIN = milliseconds(15_000);
const body = reviewOf('uid-1', {});

/** The system clock, except that the test decides when the drain ends. */
function clockWithDrain(): { clock: Clock; endDrain: () => void } {
  let endDrain = (): void => undefined;
  const drained = new Promise<void>((resolve) => (endDrain = resolve));
  const sleep: Clock['sleep'] = (span, signal) =>
    span === DRAIN ? drained : systemClock.sleep(span, signal);
  return { clock: { ...systemClock, sleep }, endDrain };
}

describe('a graceful stop', () => {
  it('fails readiness first, serves during the drain, finishes calls in flight, and fails no call', async () => {
    const { clock, endDrain } = clockWithDrain();
    let finishSlow = (_decision: AdmissionDecision): void => undefined;
    const slowDecision = new Promise<AdmissionDecision>((resolve) => (finishSlow = resolve));
    let slowStarted = (): void => undefined;
    const slowRuns = new Promise<void>((resolve) => (slowStarted = resolve));
    const server = await startLoopbackServer({
      clock,
      drain: DRAIN,
      handlers: new Map<string, AdmissionHandler>([
        ['/mutate', () => Promise.resolve({ kind: 'allowed' } as const)],
        ['/slow', () => (slowStarted(), slowDecision)],
      ]),
    });
    const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const callAll = () => Promise.all(agents.map((agent) => call(server, { body, agent })));
    const connections = async (): Promise<unknown[]> =>
      (await callAll()).map(({ headers }) => headers.connection);
    const each = <T>(value: T): T[] => agents.map(() => value);

    expect(await connections()).toEqual(each('keep-alive'));
    expect(server.readiness()).toBeUndefined();

    const stopped = server.stop();
    expect(server.readiness()).toBe('the webhook server is shutting down');
    // The open connections serve one more call and close. New ones follow as long as the endpoints list this
    // server.
    for (let round = 0; round < 10; round++) expect(await connections()).toEqual(each('close'));
    const slow = call(server, { body, path: '/slow' });
    await slowRuns;
    endDrain();
    finishSlow({ kind: 'allowed' });
    expect(answeredReview(await slow)).toMatchObject({ uid: 'uid-1', allowed: true });
    await stopped;

    await expect(call(server, { body })).rejects.toThrow('ECONNREFUSED');
    agents.forEach((agent) => agent.destroy());
  });

  it('also closes the connection of a call that started before it, and counts the reviews in flight', async () => {
    const { clock, endDrain } = clockWithDrain();
    const decision = Promise.withResolvers<AdmissionDecision>();
    const called = Promise.withResolvers<undefined>();
    const server = await startLoopbackServer({
      ...{ clock, drain: DRAIN },
      handlers: new Map<string, AdmissionHandler>([
        ['/slow', () => (called.resolve(undefined), decision.promise)],
      ]),
    });
    const agent = new Agent({ keepAlive: true });
    const slow = call(server, { body, path: '/slow', agent });
    await called.promise;
    expect(server.reviewsInFlight()).toBe(1);
    const stopped = server.stop();
    decision.resolve({ kind: 'allowed' });
    expect((await slow).headers.connection).toBe('close');
    expect(server.reviewsInFlight()).toBe(0);
    endDrain();
    await stopped;
    agent.destroy();
  });

  it('does not wait for idle connections, and stops once', async () => {
    const handlers = new Map([['/mutate', () => Promise.resolve({ kind: 'allowed' } as const)]]);
    const server = await startLoopbackServer({ handlers });
    const agent = new Agent({ keepAlive: true });
    await call(server, { body, agent });
    const stopping = server.stop();
    expect(server.stop()).toBe(stopping);
    await stopping;
    agent.destroy();
  });

  it('a port in use is an error that names the flag', async () => {
    const server = await startLoopbackServer({ handlers: new Map() });
    await expect(startLoopbackServer({ handlers: new Map(), port: server.port })).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
      message: `cannot listen on 127.0.0.1:${server.port}: another process uses it; choose another port with --webhook-port`,
    });
    await server.stop();
  });
});
