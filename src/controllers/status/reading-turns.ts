import { milliseconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';

/** Lets many read what others send, one after the other, and leaves time for everything else. */
export interface ReadingTurns {
  /**
   * Resolves or rejects with what the work, which must be short, comes to, once it is this group's turn: groups go in turn,
   * and within one whoever came first goes first.
   */
  run<R>(group: string, work: () => R): Promise<R>;
}

/** How long is worked in one go, and at least rested after it. */
const SPAN = milliseconds(5);
const REST = milliseconds(10);

/**
 * Agents are a tenant's territory, and may send as fast as they can: a third of the event loop's time is all that they get
 * together. What waits for its turn is not read from its connection, so that the sender waits too.
 */
export function createReadingTurns(clock: Clock): ReadingTurns {
  const waiting = new Map<string, (() => void)[]>();
  let working = false;

  async function work(): Promise<void> {
    working = true;
    while (waiting.size > 0) {
      const began = clock.monotonic();
      while (waiting.size > 0 && clock.monotonic() - began < SPAN) next();
      await clock.sleep(REST);
    }
    working = false;
  }

  function next(): void {
    for (const [group, queue] of waiting) {
      const first = queue.shift();
      waiting.delete(group);
      if (queue.length > 0) waiting.set(group, queue);
      first?.();
      return;
    }
  }

  return {
    run: (group, job) =>
      new Promise((resolve, reject) => {
        const turn = (): void => {
          try {
            resolve(job());
          } catch (thrown) {
            reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
          }
        };
        const queue = waiting.get(group) ?? [];
        queue.push(turn);
        waiting.set(group, queue);
        if (!working) void work();
      }),
  };
}
