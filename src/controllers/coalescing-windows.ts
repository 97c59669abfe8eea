import { milliseconds, type Clock, type MonotonicMs, type Milliseconds } from '../lib/clock.ts';
import { createKeyTimers } from '../lib/key-timers.ts';

/**
 * The least time between two starts of one key: its window. The first window lasts `first`; while changes keep coming,
 * each window is twice as long as the one before, up to `cap`. A window with changes ends early once the key has been
 * quiet for an eighth of it, `first` at least. So a burst is processed whole soon after its last change. While it lasts,
 * starts become so rare that writes of a growing list stay in proportion to the list.
 *
 * After `rest` without a change the burst is over, also within a window: what waits starts, and the next change counts
 * as a first one. `kubectl apply` in a loop makes a change every few hundred milliseconds, which is less than `rest` and
 * more than the first windows. A caller that waits for the effect of each change makes the next one after such a rest.
 */
export interface CoalescingPolicy {
  readonly first: Milliseconds;
  readonly cap: Milliseconds;
  readonly rest: Milliseconds;
}

/** The windows of keys that started recently and so must wait. */
export interface CoalescingWindows<K extends string> {
  /** The key starts now. */
  open(key: K): void;
  has(key: K): boolean;
  /** The key changed. In its window it starts again, but not before it is quiet. */
  changed(key: K): void;
}

interface Burst {
  /** How long the latest window is, and when it ends if nothing changes. */
  readonly span: Milliseconds;
  readonly latestEnd: MonotonicMs;
  /** False between two windows. */
  isOpen: boolean;
  /** Whether the key changed in the window. */
  hasChanged: boolean;
  changedAt: MonotonicMs;
}

const QUIET_SHARE = 1 / 8;

/** `onOver` is called at the end of each window, also when nothing changed in it. The signal ends all of them. */
export function createCoalescingWindows<K extends string>(
  { first, cap, rest }: CoalescingPolicy,
  clock: Clock,
  signal: AbortSignal,
  onOver: (key: K) => void,
): CoalescingWindows<K> {
  const bursts = new Map<K, Burst>();
  const looks = createKeyTimers<K>(clock, signal, look);

  function look(key: K): void {
    const burst = bursts.get(key);
    if (burst === undefined) return;
    const now = clock.monotonic();
    if (now >= nextEnd(burst)) {
      if (now >= burst.changedAt + rest) bursts.delete(key);
      const { isOpen } = burst;
      burst.isOpen = false;
      if (isOpen) onOver(key);
    }
    lookLater(key);
  }

  function lookLater(key: K): void {
    const burst = bursts.get(key);
    if (burst !== undefined) looks.set(key, milliseconds(Math.max(0, nextEnd(burst) - clock.monotonic())));
  }

  /** The end of the burst or of its window. */
  function nextEnd(burst: Burst): number {
    const over = burst.changedAt + rest;
    return burst.isOpen ? Math.min(over, windowEnd(burst)) : over;
  }

  function windowEnd({ span, latestEnd, hasChanged, changedAt }: Burst): number {
    return hasChanged ? Math.min(latestEnd, changedAt + Math.max(first, span * QUIET_SHARE)) : latestEnd;
  }

  return {
    open(key) {
      const now = clock.monotonic();
      const last = bursts.get(key);
      const span = last === undefined ? first : milliseconds(Math.min(last.span * 2, cap));
      const latestEnd = (now + span) as MonotonicMs;
      const changedAt = last?.changedAt ?? now;
      bursts.set(key, { span, latestEnd, isOpen: true, hasChanged: false, changedAt });
      lookLater(key);
    },
    has: (key) => bursts.get(key)?.isOpen === true,
    changed(key) {
      const burst = bursts.get(key);
      if (burst === undefined) return;
      burst.changedAt = clock.monotonic();
      burst.hasChanged = burst.isOpen;
      lookLater(key);
    },
  };
}
