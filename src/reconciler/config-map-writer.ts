import type { ConfigMap } from '../core/kubernetes.ts';
import { keyOf, splitKey } from '../core/kubernetes.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import type { OwnWrites } from './own-writes.ts';
import { ConfigMapChangedError, ConfigMapVanishedError } from './reconcile-model-config.ts';
import type { ModelConfigWriter } from './reconcile-model-config.ts';

/** Who the fields of our ConfigMaps belong to. */
const FIELD_MANAGER = 'kserve-mms';

/** Writes ConfigMaps to the API server, and notes each result for the next reconcile. */
export function createConfigMapWriter(client: ApiClient, ownWrites: OwnWrites): ModelConfigWriter {
  return {
    async create(configMap) {
      try {
        return ownWrites.remember(
          await client.create(CONFIG_MAPS, configMap, { fieldManager: FIELD_MANAGER }),
        );
      } catch (thrown) {
        if (isApiError(thrown, 'API_ALREADY_EXISTS')) return undefined;
        throw thrown;
      }
    },
    read: (key) => getIfThere(client, CONFIG_MAPS, splitKey(key)),
    async replace(configMap) {
      try {
        return ownWrites.remember(
          await client.replace(CONFIG_MAPS, configMap, { fieldManager: FIELD_MANAGER }),
        );
      } catch (thrown) {
        ownWrites.forget(configMap);
        if (!isApiError(thrown, 'API_NOT_FOUND', 'API_CONFLICT')) throw thrown;
        const current = await getIfThere(client, CONFIG_MAPS, splitKey(keyOf(configMap)));
        if (current !== undefined) {
          ownWrites.remember(current);
          const message = `ConfigMap ${keyOf(configMap)} was changed meanwhile; trying again`;
          throw new ConfigMapChangedError(message, { cause: thrown });
        }
        const message = `ConfigMap ${keyOf(configMap)} was deleted meanwhile; trying again`;
        throw new ConfigMapVanishedError(message, { cause: thrown });
      }
    },
    async delete(configMap) {
      try {
        await client.delete(CONFIG_MAPS, splitKey(keyOf(configMap)), {
          preconditions: thisVersionOf(configMap),
        });
      } catch (thrown) {
        if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
      } finally {
        ownWrites.forget(configMap);
      }
    },
  };
}

function thisVersionOf({ metadata: { uid, resourceVersion } }: ConfigMap): {
  uid?: string;
  resourceVersion?: string;
} {
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
