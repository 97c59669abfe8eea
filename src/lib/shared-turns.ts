interface TurnBounds {
  /** The most work at once. */
  readonly total: number;
  /** The most of it for one sharer. */
  readonly each: number;
}

/** Limits how much work runs at once, for each sharer and for all together. */
interface SharedTurns {
  /**
   * Does the work when it is its turn: in the order of calls within a sharer, and sharers below their own limit first.
   */
  run<R>(sharer: string, work: () => Promise<R>): Promise<R>;
}

export function createSharedTurns({ total, each }: TurnBounds): SharedTurns {
  /** By sharer. A sharer that had a turn goes to the end. */
  const waiting = new Map<string, (() => void)[]>();
  const running = new Map<string, number>();
  let all = 0;

  function count(sharer: string, change: 1 | -1): void {
    all += change;
    const now = (running.get(sharer) ?? 0) + change;
    if (now === 0) running.delete(sharer);
    else running.set(sharer, now);
  }

  function hasRoom(sharer: string): boolean {
    return all < total && (running.get(sharer) ?? 0) < each;
  }

  function letIn(): void {
    for (const [sharer, queue] of waiting) {
      if (all >= total) return;
      if (!hasRoom(sharer)) continue;
      const go = queue.shift();
      waiting.delete(sharer);
      if (queue.length > 0) waiting.set(sharer, queue);
      count(sharer, 1);
      go?.();
    }
  }

  function turn(sharer: string): Promise<void> {
    if (hasRoom(sharer) && !waiting.has(sharer)) {
      count(sharer, 1);
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const queue = waiting.get(sharer) ?? [];
    queue.push(() => resolve(undefined));
    waiting.set(sharer, queue);
    return promise;
  }

  return {
    async run(sharer, work) {
      await turn(sharer);
      try {
        return await work();
      } finally {
        count(sharer, -1);
        letIn();
      }
    },
  };
}
