import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, EpochMs, Milliseconds } from '../../src/core/clock.ts';

/** The machine's own clock, for tests against real servers. */
export const realClock: Clock = {
  now: () => Date.now() as EpochMs,
  sleep: (span, signal) =>
    sleep(span, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
};

/** A clock that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** Moves on, waking sleepers in the order of their times and letting each do what it does before the next wakes. */
  advance(span: number): Promise<void>;
  /** How many are asleep. */
  readonly sleeping: number;
}

export function fakeClock(): FakeClock {
  let now = 1_000_000;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  function sleepUntil(at: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = { at, wake: resolve };
      sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        sleepers = sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  return {
    now: () => now as EpochMs,
    sleep: (span: Milliseconds, signal) => sleepUntil(now + span, signal),
    get sleeping() {
      return sleepers.length;
    },
    async advance(span) {
      const end = now + span;
      await settle();
      for (;;) {
        const next = sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        sleepers = sleepers.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.wake();
        await settle();
      }
      now = end;
    },
  };
}

/** Lets everything run that waits for nothing but promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
