import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { seconds } from '../../lib/clock.ts';
import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import { keepLatest } from '../../lib/keep-latest.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';
import type { TokenBucket } from '../../lib/token-bucket.ts';

/** Which events are written, and which are left out because there are too many. */
export interface EventAllowance {
  /** Whether an event about the object may be written now. */
  take(regarding: KubernetesObject): boolean;
}

/** Events a second; one namespace alone may have half of the burst at once. */
const ALL = { perSecond: 10, burst: 200 };
/** As client-go has it for each object. Source: defaultSpamBurst and defaultSpamQPS in tools/record/events_cache.go. */
const OF_ONE_OBJECT = { perSecond: 1 / 300, burst: 25 };
/** Objects whose events are counted, as many as client-go remembers. */
const OBJECTS = 4096;
/** What a namespace has had is forgotten in about the time in which the whole burst comes back. */
const FORGET = seconds(ALL.burst / ALL.perSecond);
/** Namespaces are looked through for forgotten ones when there are more. */
const NAMESPACES = 1000;
const FORGOTTEN = 0.01;

/** What a namespace has had lately. */
interface Used {
  readonly events: number;
  readonly at: MonotonicMs;
}

/**
 * A namespace must leave as many turns to others as it has had lately itself. So one alone gets nearly all of them, ten that
 * write without end get a tenth each, and the first events of another namespace are written whatever those do. An object whose
 * state changes all the time has a bound of its own, so that it leaves room for the others of its namespace.
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
      // Of a full bucket one turn is left to everybody.
      const may = all.tryTake(Math.min(used, ALL.burst - 1));
      if (may) note(namespace, used + 1);
      else bucket.giveBack();
      return may;
    },
  };
}
