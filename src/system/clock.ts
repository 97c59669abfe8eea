import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, EpochMs } from '../core/clock.ts';

/** The machine's own time; entry points pass it to everything else. */
export const systemClock: Clock = {
  now: () => Date.now() as EpochMs,
  sleep: async (span, signal) => {
    try {
      await delay(span, undefined, { signal });
    } catch {
      // Aborted: a sleep that is cut short is over, not failed.
    }
  },
};
