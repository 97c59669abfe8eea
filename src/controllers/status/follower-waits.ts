import { backoffDelay } from '../../lib/backoff.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Milliseconds, Random } from '../../lib/clock.ts';

const BACKOFF = { base: milliseconds(250), cap: seconds(15) };
/** A stream that lasted so long was a good one. */
const GOOD_AFTER = seconds(10);
/** After what is not as documented, or more than is kept: it will most likely be the same again. */
const FAULT_BACKOFF = { base: seconds(1), cap: seconds(300) };
/** All faulty pods of an InferenceService together are tried no more often than this, but each of them once in a while. */
const FAULTY_EACH = { every: milliseconds(300), cap: seconds(60) };
/** A fault is forgiven once a stream has been good for so long. */
export const FORGIVEN_AFTER = seconds(600);

/** How one connection to an agent ended. */
interface StreamEnd {
  /** What came of it was at fault. */
  readonly faulty: boolean;
  readonly lasted: Milliseconds;
  /** Pods of the same InferenceService that were at fault of late, this one included. */
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
