import type { Clock, EpochMs, Milliseconds, MonotonicMs } from '../../src/lib/clock.ts';

/** A clock that stops until the test advances it. */
export interface FakeClock extends Clock {
  /** Advances the clock, waking sleepers in the order of their times and letting each finish before the next wakes. */
  advance(span: number): Promise<void>;
  /** Sets the wall clock forward or back by this many milliseconds, without waking sleepers. */
  stepWall(span: number): void;
  /** The number of sleepers. */
  readonly sleeping: number;
}

export function fakeClock(): FakeClock {
  let now = 1_000_000;
  let step = 0;
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
    now: () => (now + step) as EpochMs,
    monotonic: () => now as MonotonicMs,
    stepWall: (span) => {
      step += span;
    },
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

/** Runs everything that waits only for promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
