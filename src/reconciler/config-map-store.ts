import { seconds } from '../core/clock.ts';
import type { Clock, EpochMs } from '../core/clock.ts';
import type { ConfigMap, ObjectKey } from '../core/kubernetes.ts';
import { keyOf, splitKey } from '../core/kubernetes.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import { compareResourceVersions } from '../kube/resource-version.ts';
import { ConfigMapVanishedError } from './reconcile-model-config.ts';
import type { ModelConfigWriter } from './reconcile-model-config.ts';

/**
 * Writes ConfigMaps and remembers each result until the watch has caught up, so that the next reconcile decides upon
 * what was written and not upon a cache that is some milliseconds behind.
 */
export interface ConfigMapStore extends ModelConfigWriter {
  /** The newer of the cached object and our own last write of it. */
  newest(cached: ConfigMap): ConfigMap;
  /** Our own writes that the watch has not shown yet. */
  unseen(): Iterable<ConfigMap>;
  /** To be told of every ConfigMap that the watch shows. */
  seen(configMap: ConfigMap): void;
  /** To be told of every ConfigMap that the watch, or a list after it, shows as deleted. */
  gone(configMap: ConfigMap): void;
}

/** Who the fields of our ConfigMaps belong to. */
export const FIELD_MANAGER = 'kserve-mms';

/**
 * A watch that has not shown a write by then never will: the ConfigMap was deleted while the watch was broken, and the
 * list that followed did not have it any more.
 */
const REMEMBERED_FOR = seconds(30);

export function createConfigMapStore(client: ApiClient, clock: Clock): ConfigMapStore {
  const written = new Map<ObjectKey, { readonly configMap: ConfigMap; readonly until: EpochMs }>();

  function remember(configMap: ConfigMap): ConfigMap {
    written.set(keyOf(configMap), { configMap, until: (clock.now() + REMEMBERED_FOR) as EpochMs });
    return configMap;
  }

  function remembered(key: ObjectKey): ConfigMap | undefined {
    const own = written.get(key);
    if (own === undefined || own.until > clock.now()) return own?.configMap;
    written.delete(key);
    return undefined;
  }

  /** Whatever we remember of it is no longer the newest. */
  function forget(configMap: ConfigMap): void {
    written.delete(keyOf(configMap));
  }

  return {
    newest(cached) {
      const own = remembered(keyOf(cached));
      return own !== undefined && isNewer(own, cached) ? own : cached;
    },
    unseen: () => [...written.keys()].map(remembered).filter((configMap) => configMap !== undefined),
    seen(configMap) {
      const own = remembered(keyOf(configMap));
      if (own !== undefined && !isNewer(own, configMap)) forget(configMap);
    },
    gone: forget,
    async create(configMap) {
      try {
        return remember(await client.create(CONFIG_MAPS, configMap, { fieldManager: FIELD_MANAGER }));
      } catch (thrown) {
        if (isApiError(thrown, 'API_ALREADY_EXISTS')) return undefined;
        throw thrown;
      }
    },
    async read(key) {
      try {
        return await client.get(CONFIG_MAPS, splitKey(key));
      } catch (thrown) {
        if (isApiError(thrown, 'API_NOT_FOUND')) return undefined;
        throw thrown;
      }
    },
    async replace(configMap) {
      try {
        return remember(await client.replace(CONFIG_MAPS, configMap, { fieldManager: FIELD_MANAGER }));
      } catch (thrown) {
        forget(configMap);
        if (isApiError(thrown, 'API_NOT_FOUND')) {
          const message = `ConfigMap ${keyOf(configMap)} was deleted meanwhile; trying again`;
          throw new ConfigMapVanishedError(message, { cause: thrown });
        }
        throw thrown;
      }
    },
    async delete(configMap) {
      const { uid, resourceVersion } = configMap.metadata;
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      try {
        await client.delete(CONFIG_MAPS, splitKey(keyOf(configMap)), { preconditions });
      } catch (thrown) {
        if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
      } finally {
        forget(configMap);
      }
    },
  };
}

function isNewer(a: ConfigMap, b: ConfigMap): boolean {
  const order = compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion);
  return order !== undefined && order > 0;
}
