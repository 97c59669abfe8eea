import type { Clock } from '../../lib/clock.ts';
import { createDestinationPolicy } from '../sources/destination-policy.decide.ts';
import { PullAbortedError } from '../sources/errors.ts';
import type { Resolve } from '../sources/guarded-connect.ts';
import { createHttpClient } from '../sources/http-client.ts';
import { createProxyRouter } from '../sources/proxy/proxy-router.ts';
import { secretValues } from '../sources/redact.ts';
import type { SourceSettings } from '../sources/settings.ts';
import type { RemoteFile } from '../sources/source.ts';
import type { Environment } from '../sources/environment.ts';
import { createSources } from '../sources/sources.ts';
import type { Puller, PullProgress, PullRequest, PullResult } from './contract.ts';
import { createBufferPairs } from './buffer-pairs.ts';
import { createDiskRoom } from './disk-room.ts';
import { downloadModel } from './download-model.ts';
import { createSharedDownloads } from './downloads.ts';
import { failedPull } from './pull-result.ts';

export interface InProcessPullerOptions {
  readonly env: Environment;
  readonly settings: SourceSettings;
  readonly clock: Clock;
  /** Replaces DNS in tests. */
  readonly resolve?: Resolve;
}

/** A puller that may leave a model to another one. */
interface Pulls<T> {
  pull(
    request: PullRequest,
    signal: AbortSignal,
    onProgress: (progress: PullProgress) => void,
  ): Promise<PullResult | T>;
  stop(): Promise<void>;
}

interface Bounds<T> {
  /** Called for each model. The check it returns throws for a file that this process must not fetch. */
  readonly admission: () => (file: RemoteFile) => void;
  /** The pull's result for an error of that check; undefined for any other error. */
  readonly left: (thrown: unknown) => T | undefined;
}

/**
 * Pulls any model in the calling process. It runs in the forked child, because a storage SDK, an archive or a large
 * download raises a process's memory for good, and may crash it.
 * @throws InvalidNetworkError when `settings.deniedNetworks` holds something that is not a network.
 */
export function createInProcessPuller(options: InProcessPullerOptions): Puller {
  return createPulls<never>(options);
}

/** The same, limited to some models. @throws InvalidNetworkError */
export function createPulls<T>(
  { env, settings, clock, resolve }: InProcessPullerOptions,
  bounds?: Bounds<T>,
): Pulls<T> {
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
    buffers: createBufferPairs(),
    ...(bounds && { admission: bounds.admission }),
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
        either.aborted
          ? failedPull(new PullAbortedError('the pull was cancelled'), request, secrets)
          : (bounds?.left(thrown) ?? failedPull(thrown, request, secrets)),
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
