import type { Clock } from '../core/clock.ts';

/** Lets so many things happen a second, and after a quiet time some more at once; what is too much is not waited for. */
export interface Allowance {
  tryTake(): boolean;
}

export function createAllowance(options: {
  readonly perSecond: number;
  readonly burst: number;
  readonly clock: Clock;
}): Allowance {
  const { perSecond, burst, clock } = options;
  let left = burst;
  let filledAt = clock.now();
  return {
    tryTake() {
      const now = clock.now();
      left = Math.min(burst, left + (Math.max(0, now - filledAt) / 1000) * perSecond);
      filledAt = now;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
