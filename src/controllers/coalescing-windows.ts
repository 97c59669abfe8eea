import { milliseconds, type Clock, type MonotonicMs, type Milliseconds } from '../lib/clock.ts';
import { createKeyTimers } from '../lib/key-timers.ts';

/**
 * The least time between two starts of one key: its window. The first window lasts `first`; each window in which the
 * key changed doubles the next, up to `cap`. A window ends early once the key has been quiet for an eighth of it,
 * `first` at least. So a burst is processed whole soon after its last change. While it lasts, starts become so rare
 * that writes of a growing list stay in proportion to the list. A burst has ended once nothing has happened for an eighth
 * of `cap` in a window or after it: `kubectl apply` in a loop makes a change every few hundred milliseconds, which is
 * longer than the first windows. A caller that waits for the effect of each change makes the next one after such a rest.
 */
export interface CoalescingPolicy {
  readonly first: Milliseconds;
  readonly cap: Milliseconds;
}

/** The windows of keys that started recently and so must wait. */
export interface CoalescingWindows<K extends string> {
  /** The key starts now. */
  open(key: K): void;
  has(key: K): boolean;
  /**
   * The key changed. In its window it starts again, but not before it is quiet. Outside a window this has no effect.
   */
  changed(key: K): void;
}

const QUIET_SHARE = 1 / 8;

/** `onOver` is called at the end of each window, also when nothing changed in it. The signal ends all of them. */
export function createCoalescingWindows<K extends string>(
  { first, cap }: CoalescingPolicy,
  clock: Clock,
  signal: AbortSignal,
  onOver: (key: K) => void,
): CoalescingWindows<K> {
  /** The latest window of each key in a burst, or just after one. */
  const spans = new Map<K, Milliseconds>();
  const changedAt = new Map<K, MonotonicMs>();
  const ends = createKeyTimers<K>(clock, signal, over);
  const looks = createKeyTimers<K>(clock, signal, look);
  const rests = createKeyTimers<K>(clock, signal, (key) => spans.delete(key));

  function over(key: K): void {
    ends.cancel(key);
    looks.cancel(key);
    if (!changedAt.delete(key)) rests.set(key, milliseconds(cap * QUIET_SHARE));
    onOver(key);
  }

  function look(key: K): void {
    const since = changedAt.get(key);
    if (since === undefined) return;
    const missing = quietOf(key) - (clock.monotonic() - since);
    if (missing > 0) {
      looks.set(key, milliseconds(missing));
      return;
    }
    // It was quiet long enough to end the burst, so the next change must not wait again.
    if (quietOf(key) >= cap * QUIET_SHARE) spans.delete(key);
    over(key);
  }

  function quietOf(key: K): Milliseconds {
    return milliseconds(Math.max(first, (spans.get(key) ?? first) * QUIET_SHARE));
  }

  return {
    open(key) {
      rests.cancel(key);
      const last = spans.get(key);
      const span = last === undefined ? first : milliseconds(Math.min(last * 2, cap));
      spans.set(key, span);
      ends.set(key, span);
    },
    has: (key) => ends.has(key),
    changed(key) {
      if (!ends.has(key)) return;
      changedAt.set(key, clock.monotonic());
      looks.set(key, quietOf(key));
    },
  };
}
