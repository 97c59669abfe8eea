import type { Clock, Milliseconds } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';
import type { Resource } from './resources.ts';
import { startDeadline } from '../lib/deadline.ts';

/** What waiting needs of a reflector, whatever it holds. */
export interface Syncing {
  readonly resource: Resource;
  readonly cache: { readonly synced: boolean };
  readonly synced: Promise<void>;
  readonly lastError: Error | undefined;
}

/** The caches were not complete in time. */
class CacheNotSyncedError extends MmsError {
  readonly code = 'CACHE_NOT_SYNCED';
  readonly retryable = true;
}

/**
 * Resolves once every cache is complete.
 *
 * @throws {CacheNotSyncedError} if the time is over or the signal aborts first. The message names what is missing and
 * why
 * @throws {ReflectorStoppedError} if one of them is stopped first
 */
export async function waitForSync(
  reflectors: readonly Syncing[],
  options: { readonly clock: Clock; readonly timeout: Milliseconds; readonly signal?: AbortSignal },
): Promise<void> {
  const deadline = startDeadline(options.clock, options.timeout, options.signal);
  const given = Promise.withResolvers<'given up'>();
  const giveUp = (): void => given.resolve('given up');
  if (deadline.signal.aborted) giveUp();
  deadline.signal.addEventListener('abort', giveUp, { once: true });
  try {
    const all = Promise.all(reflectors.map((reflector) => reflector.synced)).then(() => 'synced' as const);
    if ((await Promise.race([all, given.promise])) === 'given up') throw notSynced(reflectors);
  } finally {
    deadline.clear();
  }
}

function notSynced(reflectors: readonly Syncing[]): CacheNotSyncedError {
  const missing = reflectors
    .filter((reflector) => !reflector.cache.synced)
    .map(({ resource, lastError }) => `${resource.kind} (${lastError?.message ?? 'still listing'})`);
  return new CacheNotSyncedError(
    `not everything could be read from the API server in time: ${missing.join('; ')}`,
    { cause: reflectors.find(({ lastError }) => lastError !== undefined)?.lastError },
  );
}
