import { backoffDelay, type BackoffPolicy } from '../../lib/backoff.ts';
import { milliseconds, type Milliseconds, type Random, seconds } from '../../lib/clock.ts';

/**
 * How soon to retry. `soon`: the failure will probably pass without help. `refused`: the other side refused, which may
 * pass. `rarely`: only a person can fix it, so it is retried now and then.
 */
export type RetryPace = 'soon' | 'refused' | 'rarely';

const POLICIES: Record<RetryPace, BackoffPolicy> = {
  soon: { base: seconds(1), cap: seconds(60) },
  refused: { base: seconds(1), cap: seconds(300) },
  rarely: { base: seconds(300), cap: seconds(300) },
};

/** The longest wait that a source may ask for. */
const LONGEST_RETRY_AFTER = seconds(3_600);

/**
 * The wait before the next attempt.
 *
 * @param attempt the number of attempts so far, 1 or more
 * @param atLeast milliseconds that the other side asked for, as in Retry-After
 */
export function retryDelay(pace: RetryPace, attempt: number, random: Random, atLeast = 0): Milliseconds {
  const delay = backoffDelay(attempt, POLICIES[pace], random);
  return milliseconds(Math.round(Math.max(delay, Math.min(atLeast, LONGEST_RETRY_AFTER))));
}
