import type { Clock } from '../../lib/clock.ts';
import { createDestinationPolicy } from '../sources/destination-policy.decide.ts';
import { PullAbortedError } from '../sources/errors.ts';
import type { Resolve } from '../sources/guarded-connect.ts';
import { createHttpClient } from '../sources/http-client.ts';
import { createProxyRouter } from '../sources/proxy/proxy-router.ts';
import { secretValues } from '../sources/redact.ts';
import type { SourceSettings } from '../sources/settings.ts';
import type { Environment } from '../sources/environment.ts';
import { createSources } from '../sources/sources.ts';
import type { Puller } from './contract.ts';
import { createDiskRoom } from './disk-room.ts';
import { downloadModel } from './download-model.ts';
import { createSharedDownloads } from './downloads.ts';
import { failedPull } from './pull-result.ts';
import { createSeal } from './seal.ts';

interface InProcessPullerOptions {
  readonly env: Environment;
  readonly settings: SourceSettings;
  readonly clock: Clock;
  /** Replaces DNS in tests. */
  readonly resolve?: Resolve;
}

/**
 * Pulls in the process it is called in. The agent uses it inside the forked child only, because a storage SDK and a large
 * download raise a process's memory for good; tests use it directly.
 * @throws InvalidNetworkError when `settings.deniedNetworks` holds something that is no network.
 */
export function createInProcessPuller({ env, settings, clock, resolve }: InProcessPullerOptions): Puller {
  const policy = createDestinationPolicy(settings.deniedNetworks);
  const { connectTimeoutMs, maxRedirects } = settings;
  const proxies = createProxyRouter(env, { connectTimeoutMs, guard: { policy, resolve } });
  const http = createHttpClient({ policy, connectTimeoutMs, maxRedirects, resolve, proxies });
  const sources = createSources({ env, http, clock, settings });
  const context = {
    sources,
    settings,
    clock,
    shared: createSharedDownloads(settings.sharedDownloads),
    room: createDiskRoom(),
    seal: createSeal(clock),
  };
  const secrets = secretValues(env);
  const stopper = new AbortController();
  const running = new Set<Promise<unknown>>();
  return {
    pull: async (request, signal, onProgress) => {
      const either = AbortSignal.any([signal, stopper.signal]);
      const download = downloadModel(request, context, either, (bytes) =>
        onProgress({ id: request.id, bytes }),
      ).catch((thrown: unknown) =>
        failedPull(either.aborted ? new PullAbortedError('the pull was given up') : thrown, request, secrets),
      );
      running.add(download);
      try {
        return await download;
      } finally {
        running.delete(download);
      }
    },
    stop: async () => {
      stopper.abort();
      await Promise.allSettled(running);
      await sources.close();
      http.close();
    },
  };
}
