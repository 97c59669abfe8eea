import { backoffDelay } from '../../lib/backoff.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Milliseconds, Random } from '../../lib/clock.ts';

const BACKOFF = { base: milliseconds(250), cap: seconds(15) };
/** A stream that lasted this long counts as good. */
const GOOD_AFTER = seconds(10);
/** After invalid or too much data, which will most likely repeat. */
const FAULT_BACKOFF = { base: seconds(1), cap: seconds(300) };
/** All faulty pods of an InferenceService together are retried no more often than this, but each of them eventually. */
const FAULTY_EACH = { every: milliseconds(300), cap: seconds(60) };
/** A fault is forgotten after a good stream of this length. */
export const FORGIVEN_AFTER = seconds(600);

/** How one connection to an agent ended. */
interface StreamEnd {
  /** It ended because of invalid data. */
  readonly faulty: boolean;
  readonly lasted: Milliseconds;
  /** Faulty pods of the same InferenceService, this one included. */
  readonly faultyPods: number;
}

/** How long to wait after each connection. */
export function newWaits(random: Random): { after(end: StreamEnd): Milliseconds } {
  let [failures, faults] = [0, 0];
  return {
    after({ faulty, lasted, faultyPods }) {
      failures = lasted > GOOD_AFTER ? 1 : failures + 1;
      if (!faulty) return backoffDelay(failures, BACKOFF, random);
      faults = lasted > FORGIVEN_AFTER ? 1 : faults + 1;
      const together = Math.min(FAULTY_EACH.cap, faultyPods * FAULTY_EACH.every) * (1 - random() / 2);
      return milliseconds(Math.max(together, backoffDelay(faults, FAULT_BACKOFF, random)));
    },
  };
}
