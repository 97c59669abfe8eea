import type { Clock } from '../../lib/clock.ts';
import { createDestinationPolicy } from './destination-policy.decide.ts';
import type { Environment } from './environment.ts';
import { createHttpClient } from './http-client.ts';
import { createProxyRouter } from './proxy/proxy-router.ts';
import type { SourceSettings } from './settings.ts';
import type { RemoteModel } from './source.ts';
import { createSources } from './sources.ts';

interface ModelSizesOptions {
  readonly env: Environment;
  readonly settings: SourceSettings;
  readonly clock: Clock;
}

/** The sizes of models in their stores, from the sources' listings. Nothing is downloaded. */
interface ModelSizes {
  /** Bytes of all files as stored. Undefined if the source does not give the size of each. @throws PullError */
  sizeOf(uri: string, signal: AbortSignal): Promise<number | undefined>;
  close(): Promise<void>;
}

export function createModelSizes({ env, settings, clock }: ModelSizesOptions): ModelSizes {
  const policy = createDestinationPolicy(settings.deniedNetworks);
  const { connectTimeoutMs, maxRedirects } = settings;
  const proxies = createProxyRouter(env, { connectTimeoutMs, guard: { policy, resolve: undefined } });
  const http = createHttpClient({ policy, connectTimeoutMs, maxRedirects, proxies });
  const sources = createSources({ env, http, clock, settings });
  return {
    async sizeOf(uri, signal) {
      // Do not wait for what a source has begun to send.
      const ending = new AbortController();
      try {
        return await sumOf(await sources.find(uri, AbortSignal.any([signal, ending.signal])));
      } finally {
        ending.abort();
      }
    },
    async close() {
      await sources.close();
      http.close();
    },
  };
}

async function sumOf({ files }: RemoteModel): Promise<number | undefined> {
  let sum = 0;
  for await (const { size, directory } of files) {
    if (directory === true) continue;
    if (size === undefined) return undefined;
    sum += size;
  }
  return sum;
}
