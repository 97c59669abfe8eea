import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../../src/kube/api-client.ts';
import type { MountedConfig } from './mounted-config.ts';
import { readConfigMap } from './cluster-client.ts';

/**
 * Writes each change of a ConfigMap to a mounted directory, as kubelet does for a pod's volume. Returns a function
 * that stops it.
 */
export function mirrorConfigMap(client: ApiClient, name: string, config: MountedConfig): () => Promise<void> {
  const ending = new AbortController();
  let shown: string | undefined;
  const mirror = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const text = (await readConfigMap(client, name))?.data?.['models.json'];
      if (text !== undefined && text !== shown) {
        await config.write(text);
        shown = text;
      }
      await delay(50, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  const mirrored = mirror();
  return async () => {
    ending.abort();
    await mirrored;
  };
}
