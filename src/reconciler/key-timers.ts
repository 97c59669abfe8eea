import type { Clock, EpochMs, Milliseconds } from '../core/clock.ts';

/** At most one pending time a key. */
export interface KeyTimers<K extends string> {
  /** The key's time comes after the span, unless an earlier one is pending. */
  set(key: K, span: Milliseconds): void;
  cancel(key: K): void;
  has(key: K): boolean;
}

/** Timers that call `onTime` with the key. The signal, once aborted, silences them all. */
export function createKeyTimers<K extends string>(
  clock: Clock,
  signal: AbortSignal,
  onTime: (key: K) => void,
): KeyTimers<K> {
  const pending = new Map<K, { readonly at: EpochMs; readonly controller: AbortController }>();

  function cancel(key: K): void {
    pending.get(key)?.controller.abort();
    pending.delete(key);
  }

  signal.addEventListener(
    'abort',
    () => {
      for (const key of [...pending.keys()]) cancel(key);
    },
    { once: true },
  );

  return {
    set(key, span) {
      const at = (clock.now() + span) as EpochMs;
      const earlier = pending.get(key);
      if (signal.aborted || (earlier !== undefined && earlier.at <= at)) return;
      cancel(key);
      const controller = new AbortController();
      pending.set(key, { at, controller });
      void clock.sleep(span, controller.signal).then(() => {
        if (controller.signal.aborted) return;
        pending.delete(key);
        onTime(key);
      });
    },
    cancel,
    has: (key) => pending.has(key),
  };
}
