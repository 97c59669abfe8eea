import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, MonotonicMs, Milliseconds } from '../lib/clock.ts';
import type { ConfigMap, KubernetesObject, ObjectKey } from '../contract/kubernetes.ts';
import { keyOf } from '../contract/kubernetes.ts';
import { compareResourceVersions } from '../kube/resource-version.ts';

/**
 * Our own writes, and reads after a conflict, that the watch has not shown yet. The next reconcile decides on them
 * rather than on a cache that is some milliseconds behind.
 */
export interface OwnWrites<T extends KubernetesObject = ConfigMap> {
  remember(object: T): T;
  /** Call when the object is known to be gone, or to differ from our write. */
  forget(object: T): void;
  /** The newer of the cached object and our last write of it. */
  newest(cached: T): T;
  /** The same by key; undefined when neither the watch nor our own writes have the object. */
  newestOf(key: ObjectKey, cached: T | undefined): T | undefined;
  /** Our own writes that the watch has not shown yet. */
  unseen(): T[];
  /** Call with every object that the watch shows. True for one that this process wrote itself. */
  seen(object: T): boolean;
}

/**
 * A watch that has not shown a write by then never will: the object was deleted while the watch was disconnected, and
 * was missing from the next list.
 */
const REMEMBERED_FOR = seconds(30);

/**
 * @param observeLag called with the time from the response to a write until the watch showed it; not called when the
 * watch was faster
 */
export function createOwnWrites<T extends KubernetesObject = ConfigMap>(
  clock: Clock,
  observeLag: (lag: Milliseconds) => void,
): OwnWrites<T> {
  const written = new Map<ObjectKey, { readonly object: T; readonly at: MonotonicMs }>();

  function remembered(key: ObjectKey): T | undefined {
    const own = written.get(key);
    if (own === undefined || own.at + REMEMBERED_FOR > clock.monotonic()) return own?.object;
    written.delete(key);
    return undefined;
  }

  function newest(cached: T): T {
    const own = remembered(keyOf(cached));
    return own !== undefined && isNewer(own, cached) ? own : cached;
  }

  return {
    remember(object) {
      written.set(keyOf(object), { object, at: clock.monotonic() });
      return object;
    },
    forget: (object) => void written.delete(keyOf(object)),
    newest,
    newestOf: (key, cached) => (cached === undefined ? remembered(key) : newest(cached)),
    unseen: () => [...written.keys()].map(remembered).filter((object) => object !== undefined),
    seen(object) {
      const key = keyOf(object);
      const own = written.get(key);
      if (own === undefined || isNewer(own.object, object)) return false;
      written.delete(key);
      observeLag(milliseconds(Math.max(0, clock.monotonic() - own.at)));
      return own.object.metadata.resourceVersion === object.metadata.resourceVersion;
    },
  };
}

function isNewer(a: KubernetesObject, b: KubernetesObject): boolean {
  const order = compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion);
  return order !== undefined && order > 0;
}
