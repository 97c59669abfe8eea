import { milliseconds, type Milliseconds, type Random } from './clock.ts';

/** How the waits between attempts grow. */
export interface BackoffPolicy {
  /** The wait after the first failure, before jitter. */
  readonly base: Milliseconds;
  /** No wait is longer than this. */
  readonly cap: Milliseconds;
}

/**
 * The wait after the `failures`-th failure in a row (1 or more): doubles from `base` up to `cap`. The upper half is
 * random, so that callers that failed together do not retry together.
 */
export function backoffDelay(failures: number, policy: BackoffPolicy, random: Random): Milliseconds {
  // 2 ** 1024 is Infinity, which Math.min accepts.
  const full = Math.min(policy.cap, policy.base * 2 ** (failures - 1));
  return milliseconds(full * (0.5 + random() / 2));
}
