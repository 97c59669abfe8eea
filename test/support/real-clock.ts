import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, EpochMs } from '../../src/core/clock.ts';

/** The machine's own time. */
export const realClock: Clock = {
  now: () => Date.now() as EpochMs,
  sleep: (span, signal) => sleep(span, undefined, { ...(signal && { signal }) }).catch(() => undefined),
};
