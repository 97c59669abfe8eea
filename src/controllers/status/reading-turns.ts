import { milliseconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { workInSpans } from '../../lib/work-in-spans.ts';
import { createFairQueue } from '../fair-queue.ts';
import type { Sharer } from '../fair-queue.ts';

/** Lets many followers read their input one after the other, and leaves time for everything else. */
export interface ReadingTurns {
  /**
   * Runs the work, which must be short, when it has its turn, and resolves or rejects with its result. Namespaces take
   * turns, in each namespace the InferenceServices, and within one of these the order is first in, first out.
   */
  run<R>(sharer: Sharer, work: () => R): Promise<R>;
}

/** How long reading goes on without a break, and the least length of the break. */
const SPAN = milliseconds(5);
const REST = milliseconds(10);

/**
 * Tenants control agents, which may send as fast as they can: all together they get a third of the event loop's time.
 * Data without a turn is not read from its connection, so that the sender waits too.
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
