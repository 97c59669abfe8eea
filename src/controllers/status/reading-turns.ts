import { milliseconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { workInSpans } from '../../lib/work-in-spans.ts';
import { createFairQueue } from '../fair-queue.ts';
import type { Sharer } from '../fair-queue.ts';

/** Lets many read what others send, one after the other, and leaves time for everything else. */
export interface ReadingTurns {
  /**
   * Resolves or rejects with what the work, which must be short, comes to, once it is this one's turn: namespaces go in turn,
   * in each the InferenceServices, and in each of these whoever came first goes first.
   */
  run<R>(sharer: Sharer, work: () => R): Promise<R>;
}

/** How long is worked in one go, and at least rested after it. */
const SPAN = milliseconds(5);
const REST = milliseconds(10);

/**
 * Agents are a tenant's territory, and may send as fast as they can: a third of the event loop's time is all that they get
 * together. What waits for its turn is not read from its connection, so that the sender waits too.
 */
export function createReadingTurns(clock: Clock): ReadingTurns {
  const waiting = createFairQueue<() => void>();
  let working = false;

  async function work(): Promise<void> {
    working = true;
    await workInSpans({ clock, span: SPAN, rest: REST }, () => waiting.next());
    working = false;
  }

  return {
    run: (sharer, job) =>
      new Promise((resolve, reject) => {
        waiting.push(sharer, () => {
          try {
            resolve(job());
          } catch (thrown) {
            reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
          }
        });
        if (!working) void work();
      }),
  };
}
