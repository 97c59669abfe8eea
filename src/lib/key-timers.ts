import { NO_MORE_WAITING } from './abort.ts';
import type { Clock, MonotonicMs, Milliseconds } from './clock.ts';
import { milliseconds } from './clock.ts';
import { createTimeline } from './deadline-heap.ts';

/** At most one pending time a key. */
export interface KeyTimers<K extends string> {
  /** Sets the key's timer to this duration, unless an earlier one is pending. */
  set(key: K, span: Milliseconds): void;
  cancel(key: K): void;
  has(key: K): boolean;
}

/**
 * Timers that call `onTime` with the key. All of them share one sleep of the clock, until the next pending time: with a
 * hundred thousand keys, a sleep each would take more memory than the objects behind the keys. Once the signal aborts,
 * no timer fires.
 */
export function createKeyTimers<K extends string>(
  clock: Clock,
  signal: AbortSignal,
  onTime: (key: K) => void,
): KeyTimers<K> {
  const pending = new Map<K, MonotonicMs>();
  const timeline = createTimeline<K>((key, at) => pending.get(key) === at);
  let asleep: { readonly until: MonotonicMs; readonly wake: AbortController } | undefined;

  function sleepUntilNext(): void {
    const until = timeline.next();
    if (until === asleep?.until) return;
    asleep?.wake.abort(NO_MORE_WAITING);
    asleep = undefined;
    if (until === undefined || signal.aborted) return;
    const wake = new AbortController();
    asleep = { until, wake };
    void clock.sleep(milliseconds(Math.max(0, until - clock.monotonic())), wake.signal).then(() => {
      if (wake.signal.aborted) return;
      asleep = undefined;
      callDue();
    });
  }

  function callDue(): void {
    for (const key of timeline.takeUntil(clock.monotonic())) {
      pending.delete(key);
      onTime(key);
    }
    sleepUntilNext();
  }

  signal.addEventListener(
    'abort',
    () => {
      pending.clear();
      sleepUntilNext();
    },
    { once: true },
  );

  return {
    set(key, span) {
      const at = (clock.monotonic() + span) as MonotonicMs;
      const earlier = pending.get(key);
      if (signal.aborted || (earlier !== undefined && earlier <= at)) return;
      pending.set(key, at);
      timeline.add(key, at);
      sleepUntilNext();
    },
    cancel(key) {
      // Its entry in the timeline is ignored when its time comes.
      if (pending.delete(key)) sleepUntilNext();
    },
    has: (key) => pending.has(key),
  };
}
