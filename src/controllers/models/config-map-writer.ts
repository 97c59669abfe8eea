import { shortened } from '../../contract/cause-text.ts';
import type { ConfigMap } from '../../contract/kubernetes.ts';
import { keyOf, splitKey } from '../../contract/kubernetes.ts';
import { byteLength } from '../../contract/model-config.ts';
import { MODELS_JSON } from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { thisVersionOf } from '../../kube/resource-version.ts';
import { CONFIG_MAPS } from '../../kube/resources.ts';
import type { OwnWrites } from '../own-writes.ts';
import {
  ConfigMapChangedError,
  ConfigMapRefusedError,
  ConfigMapVanishedError,
} from './reconcile-model-config.ts';
import type { ModelConfigWriter } from './reconcile-model-config.ts';

/** The owner of our ConfigMaps' fields. */
const FIELD_MANAGER = 'kserve-mms';

/** One successful write to the API server. */
export interface ConfigMapWrite {
  readonly operation: 'create' | 'update' | 'delete';
  /** The bytes of models.json as written; none for a deletion. */
  readonly bytes: number;
}

/** Writes ConfigMaps to the API server, and remembers each result for the next reconcile. */
export function createConfigMapWriter(
  client: ApiClient,
  ownWrites: OwnWrites,
  observe: (write: ConfigMapWrite) => void,
): ModelConfigWriter {
  return {
    async create(configMap) {
      try {
        const created = await client.create(CONFIG_MAPS, configMap, { fieldManager: FIELD_MANAGER });
        observe({ operation: 'create', bytes: bytesOf(configMap) });
        return ownWrites.remember(created);
      } catch (thrown) {
        if (isApiError(thrown, 'API_ALREADY_EXISTS')) return undefined;
        throw refusalOf(thrown);
      }
    },
    read: (key) => getIfThere(client, CONFIG_MAPS, splitKey(key)),
    async replace(configMap) {
      try {
        const replaced = await client.replace(CONFIG_MAPS, configMap, { fieldManager: FIELD_MANAGER });
        observe({ operation: 'update', bytes: bytesOf(configMap) });
        return ownWrites.remember(replaced);
      } catch (thrown) {
        ownWrites.forget(configMap);
        if (!isApiError(thrown, 'API_NOT_FOUND', 'API_CONFLICT')) throw refusalOf(thrown);
        const current = await getIfThere(client, CONFIG_MAPS, splitKey(keyOf(configMap)));
        if (current !== undefined) {
          ownWrites.remember(current);
          const message = `ConfigMap ${keyOf(configMap)} has changed in the meantime; retrying`;
          throw new ConfigMapChangedError(message, { cause: thrown });
        }
        const message = `ConfigMap ${keyOf(configMap)} was deleted in the meantime; retrying`;
        throw new ConfigMapVanishedError(message, { cause: thrown });
      }
    },
    async delete(configMap) {
      try {
        await client.delete(CONFIG_MAPS, splitKey(keyOf(configMap)), {
          preconditions: thisVersionOf(configMap),
        });
        observe({ operation: 'delete', bytes: 0 });
      } catch (thrown) {
        if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
      } finally {
        ownWrites.forget(configMap);
      }
    },
  };
}

/**
 * The API server refused the write: its own rules, a quota, a policy, a role, a namespace that is being deleted. Any
 * other error may not occur at the next try.
 */
const REFUSALS = [
  'API_INVALID',
  'API_BAD_REQUEST',
  'API_FORBIDDEN',
  'API_NOT_FOUND',
  'API_SERVER_ERROR',
] as const;
/** A policy's message may be long, and goes into the status of each model. */
const LONGEST_REFUSAL = 500;

function refusalOf(thrown: unknown): unknown {
  if (!isApiError(thrown, ...REFUSALS)) return thrown;
  return new ConfigMapRefusedError(shortened(thrown.message, LONGEST_REFUSAL), { cause: thrown });
}

function bytesOf(configMap: ConfigMap): number {
  return byteLength(configMap.data?.[MODELS_JSON] ?? '');
}
