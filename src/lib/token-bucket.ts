import { milliseconds, type Clock } from './clock.ts';

/** Limits how many things happen a second, with a burst after a quiet period. First come, first served. */
export interface TokenBucket {
  /** Resolves when it is this caller's turn, or at once when the signal aborts. */
  take(signal: AbortSignal): Promise<void>;
  /** Takes a turn if one is free now, besides those reserved for others. Never waits. */
  tryTake(kept?: number): boolean;
  /** Call it if the turn was not used. */
  giveBack(): void;
}

export function createTokenBucket(options: {
  readonly perSecond: number;
  readonly burst: number;
  readonly clock: Clock;
}): TokenBucket {
  const { perSecond, burst, clock } = options;
  // Below zero: this many are waiting.
  let tokens = burst;
  let filledAt = clock.monotonic();

  function refill(): void {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) / 1000) * perSecond);
    filledAt = now;
  }

  return {
    async take(signal) {
      refill();
      tokens -= 1;
      if (tokens < 0) await clock.sleep(milliseconds((-tokens / perSecond) * 1000), signal);
    },
    tryTake(kept = 0) {
      refill();
      if (tokens < 1 + kept) return false;
      tokens -= 1;
      return true;
    },
    giveBack() {
      tokens = Math.min(burst, tokens + 1);
    },
  };
}
