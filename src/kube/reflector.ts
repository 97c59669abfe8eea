import type { ObjectCache, KubernetesObject } from '../contract/kubernetes.ts';
import { seconds, type Clock, type MonotonicMs, type Random } from '../lib/clock.ts';
import { recordOf } from '../lib/json.ts';
import { MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './api-client.ts';
import type { IndexUpdate } from './object-index.ts';
import { createObjectStore } from './object-store.ts';
import { followKind } from './reflector-loop.ts';
import type { Delta, DeltaListener, ReflectorEvent, ReflectorTiming } from './reflector-types.ts';
import type { Resource } from './resources.ts';

const DEFAULT_REFLECTOR_TIMING: ReflectorTiming = {
  backoff: { base: seconds(0.25), cap: seconds(10) },
  // The API server sends a bookmark about once a minute (apiserver, cacher.go, bookmarkFrequency): two may be missed.
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
  readonly indexes?: readonly IndexUpdate<T>[];
  /** Drops fields that are never read before an object is cached. managedFields are always dropped. */
  readonly project?: (object: T) => T;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For metrics. Its errors are logged. */
  readonly observe?: (event: ReflectorEvent) => void;
  /** Objects a page of a list; 500, as in client-go. */
  readonly pageSize?: number;
  readonly timing?: Partial<ReflectorTiming>;
}

export interface Reflector<T extends KubernetesObject> {
  readonly resource: Resource<T>;
  readonly cache: ObjectCache<T>;
  /** Resolves after the first complete list. Rejects with `ReflectorStoppedError` if stopped before. */
  readonly synced: Promise<void>;
  /** Why the latest attempt failed. Undefined once one succeeded. */
  readonly lastError: Error | undefined;
  /**
   * When the API server last reported its state. Undefined before the first list. It sends a bookmark about once a
   * minute.
   */
  readonly heardAt: MonotonicMs | undefined;
  /**
   * Calls the listener after each change of the cache, until the reflector stops. Objects already cached come first, as
   * added, so that a late listener misses nothing. Listeners are called in the order of subscription. If one
   * throws or rejects, the error is logged; the change stands, and the others are called.
   */
  subscribe(listener: DeltaListener<T>): void;
  /** Ends the list or watch. No delta is delivered after the call. */
  stop(): Promise<void>;
}

/** The reflector was stopped before its cache was complete. */
class ReflectorStoppedError extends MmsError {
  readonly code = 'REFLECTOR_STOPPED';
  readonly retryable = false;
}

/**
 * Keeps a local copy of one kind of object by a paged list and then a watch, for as long as it runs, through every
 * failure. A broken watch resumes from the last version seen, an expired one is followed by one list, and failures are
 * retried forever with growing waits, also while the kind itself does not exist yet. Cached objects stay readable
 * meanwhile.
 */
export function startReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector<T> {
  const store = createObjectStore(options.indexes);
  const stopping = new AbortController();
  const { promise: synced, resolve, reject } = Promise.withResolvers<undefined>();
  // A caller need not wait for the sync: a stop before it must not become an unhandled rejection.
  synced.catch(() => undefined);
  const logger = options.logger.child({ resource: options.resource.plural });
  const observe = tolerantObserver(options.observe, logger);
  const listeners = createListeners<T>(logger, observe);
  let lastError: Error | undefined;
  let heardAt: MonotonicMs | undefined;
  let announced = false;

  const finished = followKind(
    {
      ...options,
      store,
      logger,
      shape: shapeOf(options, logger),
      leftOut: (object, fields) => tellLeftOut(object, fields, logger),
      signal: stopping.signal,
      pageSize: options.pageSize ?? 500,
      timing: { ...DEFAULT_REFLECTOR_TIMING, ...options.timing },
      observe,
    },
    {
      deltas: (deltas) => {
        for (const delta of deltas) if (!stopping.signal.aborted) listeners.deliver(delta);
      },
      listed: () => {
        lastError = undefined;
        if (announced) return;
        announced = true;
        listeners.deliver({ type: 'synced' });
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
    subscribe: (listener) => listeners.add(listener, store.cache.list(), announced),
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

/** No error of a listener, thrown or rejected later, reaches the reflector or the process. */
function createListeners<T extends KubernetesObject>(
  logger: Logger,
  observe: (event: ReflectorEvent) => void,
): {
  add(listener: DeltaListener<T>, cached: Iterable<T>, synced: boolean): void;
  deliver(delta: Delta<T>): void;
} {
  const listeners: DeltaListener<T>[] = [];

  function call(listener: DeltaListener<T>, delta: Delta<T>): void {
    const failed = (error: unknown): void => {
      const object = delta.type === 'synced' ? undefined : delta.object.metadata.name;
      logger.error({ err: error, delta: delta.type, object }, 'a listener of cache changes failed');
      observe({ type: 'handler-failed', error });
    };
    try {
      // A listener declared to return nothing may still be an async function.
      const result = listener(delta);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  return {
    add(listener, cached, synced) {
      listeners.push(listener);
      for (const object of cached) call(listener, { type: 'added', object });
      if (synced) call(listener, { type: 'synced' });
    },
    deliver(delta) {
      for (const listener of listeners) call(listener, delta);
    },
  };
}

/** An error in a metric must not stop the reflector. */
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

/** If a projection throws, the object stays unchanged: an object too large is better than a missing one. */
function shapeOf<T extends KubernetesObject>(options: ReflectorOptions<T>, logger: Logger): (object: T) => T {
  const { project } = options;
  return (object) => {
    // The object was just parsed and is not shared yet.
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

function tellLeftOut(object: unknown, fields: readonly string[], logger: Logger): void {
  const { namespace, name } = recordOf(recordOf(object)['metadata']);
  logger.warn({ namespace, object: name, fields }, 'an object is larger than the limit; fields are dropped');
}
