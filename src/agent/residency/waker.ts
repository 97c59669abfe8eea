import type { Milliseconds } from '../../lib/clock.ts';

/** How a request for a model proceeds. */
export type ModelAvailability =
  /** Proceed at once. */
  | { readonly kind: 'loaded' }
  /** No TrainedModel of that name: the model server answers with its own 404. */
  | { readonly kind: 'unknown' }
  /** Call {@link ModelWaker.wait}. */
  | { readonly kind: 'asleep' }
  | { readonly kind: 'server-away' };

/** Why a request does not get its model. */
export type WakeRefusal =
  'TooManyWaiting' | 'WaitTimeout' | 'ModelTooLarge' | 'LoadFailed' | 'ModelServerAway' | 'Stopping';

/** How a wait for a model ended. */
export type WakeOutcome =
  | { readonly kind: 'loaded' }
  /** It is no longer desired: the model server's own 404. */
  | { readonly kind: 'removed' }
  | {
      readonly kind: 'refused';
      readonly reason: WakeRefusal;
      /** One sentence for people. */
      readonly message: string;
      readonly retryAfter: Milliseconds;
    };

/** What the proxy needs to know about the models of its requests. */
export interface ModelWaker {
  availability(name: string): ModelAvailability;
  /**
   * Marks a request in flight and the model as used. Call the returned function once, when the answer is over.
   * @param found how it found the model in memory, for the hit ratio
   */
  enter(name: string, found: 'at-once' | 'after-wait'): () => void;
  /**
   * Waits for the model, until the signal aborts at the latest. The time and the number of waiting requests are
   * limited. Between `loaded` and the microtasks that follow it no unload is sent: a request that enters at once finds
   * the model. Never rejects.
   */
  wait(name: string, signal: AbortSignal): Promise<WakeOutcome>;
  /** The pod is terminating: a model server that refuses connections does not come back. */
  isEnding(): boolean;
}
