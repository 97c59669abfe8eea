import type { Clock, Milliseconds } from './clock.ts';

/** A signal that aborts with the caller's, or on its own after a span. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when the span ran out, rather than the caller's signal aborting. */
  readonly expired: boolean;
  /** Must be called when the work is over: it stops the timer and lets go of the caller's signal. */
  clear(): void;
}

/** Bounds a piece of work in time. AbortSignal.timeout knows no injected clock, and lives on after the work is done. */
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
