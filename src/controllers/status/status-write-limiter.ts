import type { Clock, Milliseconds } from '../../lib/clock.ts';
import { splitKey } from '../../contract/kubernetes.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { untilNextTry } from './status-pace.decide.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';

/** Writes a second of transient states, most of which end before their turn. */
const WRITES = { perSecond: 20, burst: 50 };
/** With this many models of a namespace waiting for a check, none of its transient states is written. */
const CROWDED = 100;

/** Limits writes of transient states, since lasting states go first. */
interface StatusWriteLimiter {
  /**
   * Whether the key may write now, with so many others of its namespace waiting for a check. Namespaces whose keys were
   * held back go before one that has had a turn since.
   */
  take(key: ObjectKey, waiting: number): boolean;
  /** When a key that was refused should try again. */
  retryAfter(key: ObjectKey): Milliseconds;
  /** The key has no transient state to write any more. */
  release(key: ObjectKey): void;
}

export function createStatusWriteLimiter(clock: Clock): StatusWriteLimiter {
  const bucket = createTokenBucket({ ...WRITES, clock });
  /** Keys that are held back, by namespace; the next namespace comes first. */
  const held = new Map<string, Set<ObjectKey>>();

  function release(key: ObjectKey): void {
    const { namespace } = splitKey(key);
    const keys = held.get(namespace);
    if (keys?.delete(key) === true && keys.size === 0) held.delete(namespace);
  }

  function hold(key: ObjectKey): void {
    const { namespace } = splitKey(key);
    const keys = held.get(namespace) ?? new Set();
    held.set(namespace, keys.add(key));
  }

  /** How many turns are reserved for namespaces that come first. */
  function before(namespace: string): number {
    let count = 0;
    for (const other of held.keys()) {
      if (other === namespace) break;
      count += 1;
    }
    return count;
  }

  /** After its turn a namespace with more to write goes to the end. */
  function hadTurn(key: ObjectKey): void {
    release(key);
    const { namespace } = splitKey(key);
    const keys = held.get(namespace);
    if (keys === undefined) return;
    held.delete(namespace);
    held.set(namespace, keys);
  }

  return {
    take(key, waiting) {
      // Every namespace may take one turn from a full bucket.
      const kept = Math.min(before(splitKey(key).namespace), WRITES.burst - 1);
      const may = waiting <= CROWDED && bucket.tryTake(kept);
      if (may) hadTurn(key);
      else hold(key);
      return may;
    },
    retryAfter(key) {
      const own = held.get(splitKey(key).namespace)?.size ?? 0;
      return untilNextTry(own * held.size, WRITES.perSecond);
    },
    release,
  };
}
