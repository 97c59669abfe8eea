import { milliseconds } from './clock.ts';
import type { Clock } from './clock.ts';

/** How long work may go on in one go. */
const BREATH = milliseconds(10);

/**
 * For many short pieces of work that wait for nothing: awaited before each, it lets timers and sockets have their turn from time
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
