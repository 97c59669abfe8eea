import type { Milliseconds } from '../../lib/clock.ts';

/** How a request for a model goes on. */
export type ModelAvailability =
  /** Go on at once. */
  | { readonly kind: 'loaded' }
  /** No TrainedModel of that name: the model server answers with its own 404. */
  | { readonly kind: 'unknown' }
  /** {@link ModelWaker.wait} brings it. */
  | { readonly kind: 'asleep' }
  | { readonly kind: 'server-away' };

/** Why a request does not get its model. */
export type WakeRefusal =
  'TooManyWaiting' | 'WaitTimeout' | 'ModelTooLarge' | 'LoadFailed' | 'ModelServerAway' | 'Stopping';

/** How a wait for a model ended. */
export type WakeOutcome =
  | { readonly kind: 'loaded' }
  /** It is no longer wanted: the model server's own 404. */
  | { readonly kind: 'removed' }
  | {
      readonly kind: 'refused';
      readonly reason: WakeRefusal;
      /** One sentence for people. */
      readonly message: string;
      readonly retryAfter: Milliseconds;
    };

/** What the proxy asks about the models that its requests are for. */
export interface ModelWaker {
  availability(name: string): ModelAvailability;
  /**
   * Marks a request in flight and the model as used; what it returns is called once, when the answer is over.
   * @param found how it found the model in memory, for the hit ratio
   */
  enter(name: string, found: 'at-once' | 'after-wait'): () => void;
  /**
   * Waits for the model, for no longer than the signal lets it; the time and the number of those who wait are bounded. Between
   * `loaded` and the microtasks that follow it no unload is sent: who enters at once finds the model there. Never rejects.
   */
  wait(name: string, signal: AbortSignal): Promise<WakeOutcome>;
  /** The pod ends: a model server that takes no connection does not come back. */
  isEnding(): boolean;
}
