import { describe, expect, it } from '@jest/globals';
import type { EpochMs } from '../../../src/lib/clock.ts';
import { startCertificateLoop } from '../../../src/certificates/certificate-loop.ts';
import { StaleWriteError } from '../../../src/certificates/certificate-stores.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const NEVER = (): Promise<EpochMs> => Promise.resolve((systemClock.now() + 86_400_000) as EpochMs);

/** Runs the ticks one after another, and resolves when the last one is requested. */
function runThrough(ticks: (() => Promise<EpochMs>)[]) {
  const stop = new AbortController();
  let looked = 0;
  let last = (): void => undefined;
  const lastLook = new Promise<void>((resolve) => (last = resolve));
  const reconcile = (): Promise<EpochMs> => {
    const next = ticks[looked++];
    if (looked === ticks.length) last();
    return (next ?? NEVER)();
  };
  const context = { clock: systemClock, random: () => 0, logger: quietLogger, signal: stop.signal };
  const loop = startCertificateLoop({ reconcile }, context);
  return { loop, lastLook, stop, looks: () => looked };
}

describe('the loop around the certificate controller', () => {
  it('runs again when the controller asks for it, after a failure, and after a conflict', async () => {
    const soon = (): Promise<EpochMs> => Promise.resolve(systemClock.now());
    const { lastLook, stop, loop, looks } = runThrough([
      soon,
      () => Promise.reject(new StaleWriteError('changed')),
      () => Promise.reject(new Error('no route to the API server')),
      NEVER,
    ]);
    await lastLook;
    stop.abort();
    await loop.finished;
    expect(looks()).toBe(4);
  });

  it('runs again when it is triggered, also during a run', async () => {
    const poked = runThrough([
      () => {
        poked.loop.trigger();
        return NEVER();
      },
      NEVER,
    ]);
    await poked.lastLook;
    poked.stop.abort();
    await poked.loop.finished;
    expect(poked.looks()).toBe(2);
  });

  it('ends at once when it is aborted', async () => {
    const { stop, loop } = runThrough([NEVER]);
    stop.abort();
    await loop.finished;
  });
});
