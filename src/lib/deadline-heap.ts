import type { MonotonicMs } from './clock.ts';

/** Keys in the order of their times. */
interface DeadlineHeap<K> {
  add(key: K, at: MonotonicMs): void;
  /** The earliest valid time. Undefined if there is none. */
  next(): MonotonicMs | undefined;
  /** Takes out, one by one, the keys whose times are not after this. */
  takeUntil(now: MonotonicMs): Iterable<K>;
}

interface Entry<K> {
  readonly key: K;
  readonly at: MonotonicMs;
}

/**
 * A binary heap. A key whose time has changed stays in it under the old one, and is skipped at that time.
 *
 * @param holds whether this is still the key's time
 */
export function createTimeline<K>(holds: (key: K, at: MonotonicMs) => boolean): DeadlineHeap<K> {
  const heap: Entry<K>[] = [];

  const isBefore = (a: Entry<K> | undefined, b: Entry<K> | undefined): boolean =>
    a !== undefined && (b === undefined || a.at < b.at);

  function rise(index: number, entry: Entry<K>): void {
    let hole = index;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[hole] = above;
      hole = parent;
    }
    heap[hole] = entry;
  }

  function sink(entry: Entry<K>): void {
    let hole = 0;
    for (;;) {
      const [left, right] = [2 * hole + 1, 2 * hole + 2];
      const child = isBefore(heap[right], heap[left]) ? right : left;
      const below = heap[child];
      if (below === undefined || !isBefore(below, entry)) break;
      heap[hole] = below;
      hole = child;
    }
    heap[hole] = entry;
  }

  function removeFirst(): void {
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) sink(last);
  }

  function first(): Entry<K> | undefined {
    for (let entry = heap[0]; entry !== undefined; entry = heap[0]) {
      if (holds(entry.key, entry.at)) return entry;
      removeFirst();
    }
    return undefined;
  }

  return {
    add: (key, at) => {
      const entry = { key, at };
      rise(heap.push(entry) - 1, entry);
    },
    next: () => first()?.at,
    *takeUntil(now) {
      for (let entry = first(); entry !== undefined && entry.at <= now; entry = first()) {
        removeFirst();
        yield entry.key;
      }
    },
  };
}
