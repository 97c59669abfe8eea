import { backoffDelay, type BackoffPolicy } from '../../lib/backoff.ts';
import { milliseconds, type Milliseconds, type Random, seconds } from '../../lib/clock.ts';

/**
 * How soon something is tried again. `soon`: it will probably pass by itself. `refused`: someone said no, which may
 * pass. `rarely`: only a person can mend it, so it is just looked at now and then.
 */
export type RetryPace = 'soon' | 'refused' | 'rarely';

const POLICIES: Record<RetryPace, BackoffPolicy> = {
  soon: { base: seconds(1), cap: seconds(60) },
  refused: { base: seconds(1), cap: seconds(300) },
  rarely: { base: seconds(300), cap: seconds(300) },
};

/** A source that asks for more patience than this is asked again all the same. */
const LONGEST_RETRY_AFTER = seconds(3_600);

/**
 * The wait before the next attempt.
 *
 * @param attempt how often it has been tried, 1 or more
 * @param atLeast milliseconds that the other side asked for, as in Retry-After
 */
export function retryDelay(pace: RetryPace, attempt: number, random: Random, atLeast = 0): Milliseconds {
  const delay = backoffDelay(attempt, POLICIES[pace], random);
  return milliseconds(Math.round(Math.max(delay, Math.min(atLeast, LONGEST_RETRY_AFTER))));
}
