import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { BackoffPolicy } from '../lib/backoff.ts';
import type { Milliseconds } from '../lib/clock.ts';
import type { ApiErrorCode } from './api-error.ts';
import type { ObjectDelta } from './object-store.ts';

/**
 * What a listener receives, in the order of the cache's changes. `synced` comes once, after the first complete list.
 */
export type Delta<T extends KubernetesObject> = ObjectDelta<T> | { readonly type: 'synced' };

/** A listener for one kind of object. Called synchronously after each change of the cache. */
export type DeltaListener<T extends KubernetesObject> = (delta: Delta<T>) => unknown;

/** The timing of a reflector. */
export interface ReflectorTiming {
  /** Waits after failures. The cap is short: it bounds how long a cache stays stale once the API server is back. */
  readonly backoff: BackoffPolicy;
  /** A watch without a byte for this long is closed, and a new one is opened. */
  readonly idleLimit: Milliseconds;
  /** How often everything is listed again, with jitter, in case any event was missed. */
  readonly relistEvery: Milliseconds;
  /** For one page of a list. */
  readonly listTimeout: Milliseconds;
}

/** Why a list or a watch ended. */
export type EndReason = 'closed' | 'periodic-relist' | 'went-back' | 'failed' | ApiErrorCode;

/** The events of a reflector, for metrics and logs. */
export type ReflectorEvent =
  | { readonly type: 'listed'; readonly objects: number; readonly duration: Milliseconds }
  | { readonly type: 'watch-opened'; readonly resourceVersion: string }
  | { readonly type: 'watch-ended'; readonly reason: EndReason }
  | { readonly type: 'retry'; readonly reason: EndReason; readonly after: Milliseconds }
  | { readonly type: 'handler-failed'; readonly error: unknown };
