import { milliseconds, type Clock, type MonotonicMs, type Milliseconds } from '../lib/clock.ts';
import { createKeyTimers } from '../lib/key-timers.ts';

/**
 * The least time between two starts of one key: its window. It is `first` long, and twice as long each time that the key
 * changed before it was over, up to `cap`. It ends early once the key has been quiet for an eighth of it, `first` at least:
 * a burst is taken up whole soon after its last change, and while it lasts its starts become so rare that all they write of
 * a list that grows stays in proportion to the list. A burst has ended once nothing has happened in a window and for an
 * eighth of `cap` after it: `kubectl apply` in a loop makes a change every few hundred milliseconds, longer than first windows.
 */
export interface CoalescingPolicy {
  readonly first: Milliseconds;
  readonly cap: Milliseconds;
}

/** Of keys that were started so lately that they must wait. */
export interface CoalescingWindows<K extends string> {
  /** The key starts now. */
  open(key: K): void;
  has(key: K): boolean;
  /** The key changed: in its window, it wants to start again, but not before it is quiet; without one, that is nothing. */
  changed(key: K): void;
}

const QUIET_SHARE = 1 / 8;

/** `onOver` is called at the end of each window, also when nothing changed in it. The signal silences all of them. */
export function createCoalescingWindows<K extends string>(
  { first, cap }: CoalescingPolicy,
  clock: Clock,
  signal: AbortSignal,
  onOver: (key: K) => void,
): CoalescingWindows<K> {
  /** Of the latest window of keys in a burst, or just after one. */
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
    if (missing > 0) looks.set(key, milliseconds(missing));
    else over(key);
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
