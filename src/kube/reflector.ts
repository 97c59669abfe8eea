import type { ObjectCache } from '../contract/cache.ts';
import type { BackoffPolicy } from '../lib/backoff.ts';
import { seconds, type Clock, type MonotonicMs, type Milliseconds, type Random } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './api-client.ts';
import { deliverTo } from './delta-delivery.ts';
import type { IndexUpdate } from './object-index.ts';
import { createObjectStore, type ObjectDelta } from './object-store.ts';
import { followKind, type ReflectorEvent } from './reflector-loop.ts';
import type { Resource } from './resources.ts';

/** What a handler is told, in the order in which the cache changed; `synced` comes once, after the first complete list. */
export type Delta<T extends KubernetesObject> = ObjectDelta<T> | { readonly type: 'synced' };

/** The times a reflector works by. */
export interface ReflectorTiming {
  /** Waits after failures. The cap is short: it bounds how long a cache stays behind once the API server is back. */
  readonly backoff: BackoffPolicy;
  /** A watch without a byte for so long is dialled anew. */
  readonly idleLimit: Milliseconds;
  /** Everything is listed anew this often, with jitter, in case anything at all was missed. */
  readonly relistEvery: Milliseconds;
  /** For one page of a list. */
  readonly listTimeout: Milliseconds;
}

export const DEFAULT_REFLECTOR_TIMING: ReflectorTiming = {
  backoff: { base: seconds(0.25), cap: seconds(10) },
  // The API server sends a bookmark about once a minute (apiserver, cacher.go, bookmarkFrequency): two may go missing.
  idleLimit: seconds(150),
  relistEvery: seconds(30 * 60),
  listTimeout: seconds(60),
};

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: ApiClient;
  readonly resource: Resource<T>;
  /** Absent: every namespace. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Called synchronously after each change of the cache. One that throws is logged; the change stands. */
  readonly onDelta?: (delta: Delta<T>) => void;
  readonly indexes?: readonly IndexUpdate<T>[];
  /** Drops what nobody reads before an object is cached. managedFields are dropped anyway. */
  readonly project?: (object: T) => T;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For metrics; one that throws is logged. */
  readonly observe?: (event: ReflectorEvent) => void;
  /** Objects a page of a list; 500, as client-go. */
  readonly pageSize?: number;
  readonly timing?: Partial<ReflectorTiming>;
}

export interface Reflector<T extends KubernetesObject> {
  readonly resource: Resource<T>;
  readonly cache: ObjectCache<T>;
  /** Resolves after the first complete list; rejects with `ReflectorStoppedError` when stopped before. */
  readonly synced: Promise<void>;
  /** Why the latest try failed; undefined once one succeeded. */
  readonly lastError: Error | undefined;
  /** When the API server last told how things are; undefined before the first list. It sends a bookmark about once a minute. */
  readonly heardAt: MonotonicMs | undefined;
  /** Ends list and watch, whichever is under way. No delta is delivered once it has been called. */
  stop(): Promise<void>;
}

/** The reflector was stopped before its cache was complete. */
export class ReflectorStoppedError extends MmsError {
  readonly code = 'REFLECTOR_STOPPED';
  readonly retryable = false;
}

/**
 * Keeps a local copy of one kind of object by a paged list and then a watch, for as long as it runs, through every failure:
 * a broken watch resumes from the last version seen, an expired one is followed by one list, and failures are retried for
 * ever with growing waits, also while the kind itself does not exist yet. What was cached stays readable meanwhile.
 */
export function startReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector<T> {
  const store = createObjectStore(options.indexes);
  const stopping = new AbortController();
  const { promise: synced, resolve, reject } = Promise.withResolvers<undefined>();
  // Nobody needs to wait for the sync: a stop before it is then no unhandled rejection.
  synced.catch(() => undefined);
  const logger = options.logger.child({ resource: options.resource.plural });
  const observe = tolerantObserver(options.observe, logger);
  const deliver = deliverTo(options.onDelta, logger, observe);
  let lastError: Error | undefined;
  let heardAt: MonotonicMs | undefined;
  let announced = false;

  const finished = followKind(
    {
      ...options,
      store,
      logger,
      shape: shapeOf(options, logger),
      signal: stopping.signal,
      pageSize: options.pageSize ?? 500,
      timing: { ...DEFAULT_REFLECTOR_TIMING, ...options.timing },
      observe,
    },
    {
      deltas: (deltas) => {
        for (const delta of deltas) if (!stopping.signal.aborted) deliver(delta);
      },
      listed: () => {
        lastError = undefined;
        if (announced) return;
        announced = true;
        deliver({ type: 'synced' });
        resolve(undefined);
      },
      health: (error) => (lastError = error),
      heard: () => (heardAt = options.clock.monotonic()),
    },
  );

  return {
    resource: options.resource,
    cache: store.cache,
    synced,
    get lastError() {
      return lastError;
    },
    get heardAt() {
      return heardAt;
    },
    async stop() {
      stopping.abort();
      reject(
        new ReflectorStoppedError(
          `the cache of ${options.resource.plural} was stopped before it was complete`,
        ),
      );
      await finished;
    },
  };
}

/** Counting must not end what is counted. */
function tolerantObserver(
  observe: ((event: ReflectorEvent) => void) | undefined,
  logger: Logger,
): (event: ReflectorEvent) => void {
  return (event) => {
    try {
      observe?.(event);
    } catch (error) {
      logger.error({ err: error, event: event.type }, 'an observer of the cache failed');
    }
  };
}

/** A projection that throws leaves the object as it is: an object too large is better than one missing. */
function shapeOf<T extends KubernetesObject>(options: ReflectorOptions<T>, logger: Logger): (object: T) => T {
  const { project } = options;
  return (object) => {
    // The object was parsed a moment ago and nobody else has it yet.
    delete (object.metadata as { managedFields?: unknown }).managedFields;
    if (project === undefined) return object;
    try {
      return project(object);
    } catch (error) {
      logger.error({ err: error, object: object.metadata.name }, 'the projection of an object failed');
      return object;
    }
  };
}
