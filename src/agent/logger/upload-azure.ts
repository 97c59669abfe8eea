import { openContainer } from '../sources/azure.ts';
import { createProxyRouter } from '../sources/proxy/proxy-router.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../sources/settings.ts';
import type { Environment } from '../sources/environment.ts';
import type { ObjectPlace, ObjectUpload } from './object-place.ts';

export async function openAzureUpload(
  { bucket, host }: ObjectPlace,
  env: Environment,
): Promise<ObjectUpload> {
  const proxies = createProxyRouter(env, DEFAULT_SOURCE_SETTINGS);
  const { container } = await openContainer(`abfs://${bucket}@${host}/`, env, proxies);
  return {
    put: async (key, data, signal) => {
      await container.getBlockBlobClient(key).uploadData(data, { abortSignal: signal });
    },
    close: () => proxies?.close(),
  };
}
