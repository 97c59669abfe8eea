import { milliseconds, type Milliseconds, type Random } from './clock.ts';

/** How waits between tries grow. */
export interface BackoffPolicy {
  /** The wait after the first failure, before jitter. */
  readonly base: Milliseconds;
  /** No wait is longer than this. */
  readonly cap: Milliseconds;
}

/**
 * The wait after the `failures`-th failure in a row (1 or more): doubling from `base` up to `cap`, of which the upper half is
 * random, so that callers that failed together do not come back together.
 */
export function backoffDelay(failures: number, policy: BackoffPolicy, random: Random): Milliseconds {
  // 2 ** 1024 is Infinity, which Math.min takes in its stride.
  const full = Math.min(policy.cap, policy.base * 2 ** (failures - 1));
  return milliseconds(full * (0.5 + random() / 2));
}
