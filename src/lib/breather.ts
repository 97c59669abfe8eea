import { milliseconds } from './clock.ts';
import type { Clock } from './clock.ts';

/** How long work may run without a pause. */
const BREATH = milliseconds(10);

/**
 * For many short pieces of work without any wait: awaited before each, it lets timers and sockets run from time
 * to time.
 */
export function createBreather(clock: Clock): () => Promise<void> {
  let began = clock.monotonic();
  let pausing: Promise<void> | undefined;
  return async () => {
    if (pausing === undefined && clock.monotonic() - began < BREATH) return;
    pausing ??= clock.sleep(milliseconds(0)).then(() => {
      began = clock.monotonic();
      pausing = undefined;
    });
    await pausing;
  };
}
