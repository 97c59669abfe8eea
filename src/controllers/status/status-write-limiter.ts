import type { Clock, Milliseconds } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { untilNextTry } from './status-pace.decide.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';
import type { WorkQueueEvent } from '../work-queue.ts';

/** Writes a second of what is only on its way: most of it is over before its turn comes. */
const WRITES = { perSecond: 20, burst: 50 };
/** With so many models that wait for a look, nothing is written that is only on its way. */
const CROWDED = 100;

/** Who may write a state that is only on its way, since what holds goes before. */
interface StatusWriteLimiter {
  /** Whether the key may write now, while so many others wait for a look. */
  take(key: ObjectKey, waiting: number): boolean;
  /** When a key that may not is to try again. */
  readonly retryAfter: () => Milliseconds;
  /** The key has nothing of that kind to write any more. */
  release(key: ObjectKey): void;
}

export function createStatusWriteLimiter(clock: Clock): StatusWriteLimiter {
  const bucket = createTokenBucket({ ...WRITES, clock });
  const held = new Set<ObjectKey>();
  return {
    take(key, waiting) {
      const may = waiting <= CROWDED && bucket.tryTake();
      if (may) held.delete(key);
      else held.add(key);
      return may;
    },
    retryAfter: () => untilNextTry(held.size, WRITES.perSecond),
    release: (key) => void held.delete(key),
  };
}

/** Passes the events of a queue on, and knows how many keys wait in it. */
export function depthObserver(observe: (event: WorkQueueEvent<ObjectKey>) => void): {
  readonly observe: (event: WorkQueueEvent<ObjectKey>) => void;
  depth(): number;
} {
  let depth = 0;
  return {
    depth: () => depth,
    observe(event) {
      if (event.type === 'depth') ({ depth } = event);
      observe(event);
    },
  };
}
