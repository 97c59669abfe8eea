import type { Clock, Milliseconds } from './clock.ts';

/** A signal that aborts with the caller's, or after a duration. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True if the time ran out, rather than the caller's signal aborting. */
  readonly expired: boolean;
  /** Must be called when the work is over: stops the timer and releases the caller's signal. */
  clear(): void;
}

/**
 * Limits the time of a piece of work. AbortSignal.timeout has no injected clock, and lives on after the work is done.
 */
export function startDeadline(clock: Clock, span: Milliseconds, parent?: AbortSignal): Deadline {
  const work = new AbortController();
  const timer = new AbortController();
  let expired = false;
  const abort = (): void => work.abort();
  if (parent?.aborted === true) abort();
  parent?.addEventListener('abort', abort, { once: true });
  void clock.sleep(span, timer.signal).then(() => {
    if (timer.signal.aborted || work.signal.aborted) return;
    expired = true;
    abort();
  });
  return {
    signal: work.signal,
    get expired() {
      return expired;
    },
    clear() {
      timer.abort();
      parent?.removeEventListener('abort', abort);
    },
  };
}
