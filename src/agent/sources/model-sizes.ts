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

/** How large models are where they are stored, by what their sources list; nothing is downloaded. */
interface ModelSizes {
  /** Bytes of all files as they are stored; undefined: the source does not say of each. @throws PullError */
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
      // What a source has begun to send is not waited for.
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
