import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, seconds } from '../lib/clock.ts';

interface Work {
  /** How much of that which takes memory was done. */
  readonly steps: () => number;
  /** Another value whenever somebody was served since, who would have waited; undefined: somebody is. */
  readonly served: () => number | undefined;
}

/** Between two looks: memory is given back when nothing was done and nobody served from one to the next. */
const LOOK_EVERY = seconds(5);
/** Fewer take less than what it costs to have it back: code of Node's that nothing else needs, 5 MiB that all on a node share. */
const WORTH_STEPS = 100;
/** A larger heap takes long to go through, and nothing is answered meanwhile; some 20 ms for this agent with a hundred models. */
const MOST_HEAP_BYTES = 64 * 1024 ** 2;

/** Each time that much work is over, gives back what it took; until the signal aborts. */
export async function giveBackAfterWork(
  { steps, served }: Work,
  { clock, collect }: { readonly clock: Clock; readonly collect: () => void },
  signal: AbortSignal,
): Promise<void> {
  const look = () => ({ steps: steps(), served: served() });
  let collected = 0;
  let before = look();
  for (;;) {
    await clock.sleep(LOOK_EVERY, signal);
    if (signal.aborted) return;
    const now = look();
    const isQuiet = now.steps === before.steps && now.served !== undefined && now.served === before.served;
    if (isQuiet && now.steps - collected >= WORTH_STEPS) {
      collected = now.steps;
      collect();
    }
    before = now;
  }
}

/**
 * V8 keeps pages of a heap that was larger, and what was set aside for new objects, until there is need of memory, which a
 * process that idles does not feel: 8 MiB after 90 loads. It has no other name for "all that there is" than this.
 */
export function collectHeap(): void {
  if (getHeapStatistics().used_heap_size > MOST_HEAP_BYTES) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: { readonly flavor: 'last-resort' }) => void;
  // Compiled code is taken by a process with the same flags alone, and a thread may be started later.
  setFlagsFromString('--no-expose-gc');
  collect({ flavor: 'last-resort' });
}
