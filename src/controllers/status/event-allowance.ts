import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { seconds } from '../../lib/clock.ts';
import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import { keepLatest } from '../../lib/keep-latest.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';
import type { TokenBucket } from '../../lib/token-bucket.ts';

/** Decides which events are written, and which are dropped because there are too many. */
export interface EventAllowance {
  /** Whether an event about the object may be written now. */
  take(regarding: KubernetesObject): boolean;
}

/** Events a second. One namespace alone may have half of the burst at once. */
const ALL = { perSecond: 10, burst: 200 };
/**
 * The limits of client-go for each object. Source: defaultSpamBurst and defaultSpamQPS in tools/record/events_cache.go.
 */
const OF_ONE_OBJECT = { perSecond: 1 / 300, burst: 25 };
/** How many objects are counted, as many as client-go remembers. */
const OBJECTS = 4096;
/** A namespace's use is forgotten in about the time in which the whole burst refills. */
const FORGET = seconds(ALL.burst / ALL.perSecond);
/** Above this number of namespaces, unused ones are removed. */
const NAMESPACES = 1000;
const FORGOTTEN = 0.01;

/** A namespace's recent use. */
interface Used {
  readonly events: number;
  readonly at: MonotonicMs;
}

/**
 * A namespace must leave as many turns to others as it has used recently. So one namespace alone gets nearly all of
 * them, ten busy ones get a tenth each, and the first events of another namespace are always written. An object whose
 * state changes all the time has a limit of its own, so that it leaves room for others of its namespace.
 */
export function createEventAllowance(clock: Clock): EventAllowance {
  const all = createTokenBucket({ ...ALL, clock });
  const namespaces = new Map<string, Used>();
  const objects = new Map<string, TokenBucket>();

  function usedBy(namespace: string): number {
    const { events, at } = namespaces.get(namespace) ?? { events: 0, at: clock.monotonic() };
    return events * Math.exp(-(clock.monotonic() - at) / FORGET);
  }

  function note(namespace: string, events: number): void {
    namespaces.set(namespace, { events, at: clock.monotonic() });
    if (namespaces.size <= NAMESPACES) return;
    for (const other of namespaces.keys()) if (usedBy(other) < FORGOTTEN) namespaces.delete(other);
  }

  function bucketOf(object: string): TokenBucket {
    const bucket = objects.get(object) ?? createTokenBucket({ ...OF_ONE_OBJECT, clock });
    keepLatest(objects, object, bucket, OBJECTS);
    return bucket;
  }

  return {
    take({ metadata: { namespace = '', name, uid = name } }) {
      const bucket = bucketOf(`${namespace}/${uid}`);
      if (!bucket.tryTake()) return false;
      const used = usedBy(namespace);
      // Every namespace may take one turn from a full bucket.
      const may = all.tryTake(Math.min(used, ALL.burst - 1));
      if (may) note(namespace, used + 1);
      else bucket.giveBack();
      return may;
    },
  };
}
