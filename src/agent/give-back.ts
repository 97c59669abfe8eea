import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, seconds } from '../lib/clock.ts';

interface Work {
  /** The number of operations so far that take memory. */
  readonly steps: () => number;
  /** A counter of requests, which a collection would have delayed. Undefined while a request is in progress. */
  readonly served: () => number | undefined;
}

/** The interval between two checks. Memory is returned if there were no operations and no requests in one interval. */
const CHECK_EVERY = seconds(5);
/** Fewer operations are not worth the cost: 5 MiB of Node's code for it, which all processes on a node share. */
const WORTH_STEPS = 100;
/** The collection of a larger heap would delay requests too long. With a hundred models it takes some 20 ms. */
const MAX_HEAP_BYTES = 64 * 1024 ** 2;

/** Returns memory to the system after each period of much work, until the signal aborts. */
export async function giveBackAfterWork(
  { steps, served }: Work,
  { clock, collect }: { readonly clock: Clock; readonly collect: () => void },
  signal: AbortSignal,
): Promise<void> {
  const check = () => ({ steps: steps(), served: served() });
  let collected = 0;
  let before = check();
  for (;;) {
    await clock.sleep(CHECK_EVERY, signal);
    if (signal.aborted) return;
    const now = check();
    const isQuiet = now.steps === before.steps && now.served !== undefined && now.served === before.served;
    if (isQuiet && now.steps - collected >= WORTH_STEPS) {
      collected = now.steps;
      collect();
    }
    before = now;
  }
}

/**
 * Runs a full garbage collection. V8 keeps the pages of a heap that was larger, and the space for new objects, until memory is
 * short, which an idle process never detects: 8 MiB after 90 loads. V8 calls a collection that returns all pages `last-resort`.
 *
 * @param maxHeapBytes a larger heap is left alone
 */
export function collectHeap(maxHeapBytes = MAX_HEAP_BYTES): void {
  if (getHeapStatistics().used_heap_size > maxHeapBytes) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: { readonly flavor: 'last-resort' }) => void;
  // A process accepts compiled code only with the same flags, and a thread may start later.
  setFlagsFromString('--no-expose-gc');
  collect({ flavor: 'last-resort' });
}
