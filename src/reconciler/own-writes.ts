import { milliseconds, seconds } from '../core/clock.ts';
import type { Clock, EpochMs, Milliseconds } from '../core/clock.ts';
import type { ConfigMap, ObjectKey } from '../core/kubernetes.ts';
import { keyOf } from '../core/kubernetes.ts';
import { compareResourceVersions } from '../kube/resource-version.ts';

/**
 * What we wrote and the watch has not shown yet, so that the next reconcile decides upon what was written and not upon
 * a cache that is some milliseconds behind.
 */
export interface OwnWrites {
  remember(configMap: ConfigMap): ConfigMap;
  /** To be called when the ConfigMap is known to be gone, or not as we wrote it. */
  forget(configMap: ConfigMap): void;
  /** The newer of the cached object and our own last write of it. */
  newest(cached: ConfigMap): ConfigMap;
  /** Our own writes that the watch has not shown yet. */
  unseen(): ConfigMap[];
  /** To be told of every ConfigMap that the watch shows. */
  seen(configMap: ConfigMap): void;
}

/**
 * A watch that has not shown a write by then never will: the ConfigMap was deleted while the watch was broken, and the
 * list that followed did not have it any more.
 */
const REMEMBERED_FOR = seconds(30);

/** @param observeLag told how long after the answer to a write the watch showed it; not told when it was faster */
export function createOwnWrites(clock: Clock, observeLag: (lag: Milliseconds) => void): OwnWrites {
  const written = new Map<ObjectKey, { readonly configMap: ConfigMap; readonly at: EpochMs }>();

  function remembered(key: ObjectKey): ConfigMap | undefined {
    const own = written.get(key);
    if (own === undefined || own.at + REMEMBERED_FOR > clock.now()) return own?.configMap;
    written.delete(key);
    return undefined;
  }

  return {
    remember(configMap) {
      written.set(keyOf(configMap), { configMap, at: clock.now() });
      return configMap;
    },
    forget: (configMap) => void written.delete(keyOf(configMap)),
    newest(cached) {
      const own = remembered(keyOf(cached));
      return own !== undefined && isNewer(own, cached) ? own : cached;
    },
    unseen: () => [...written.keys()].map(remembered).filter((configMap) => configMap !== undefined),
    seen(configMap) {
      const key = keyOf(configMap);
      const own = written.get(key);
      if (own === undefined || isNewer(own.configMap, configMap)) return;
      written.delete(key);
      observeLag(milliseconds(Math.max(0, clock.now() - own.at)));
    },
  };
}

function isNewer(a: ConfigMap, b: ConfigMap): boolean {
  const order = compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion);
  return order !== undefined && order > 0;
}
