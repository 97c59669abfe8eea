import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats a check until it passes, and throws its last failure when it never does: a condition in the place of a sleep.
 *
 * @param withinMs generous: it bounds how long a failing test takes, not what is promised
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  withinMs = 30_000,
  everyMs = 50,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await delay(everyMs);
    }
  }
}

/** The same for a condition that is true or not; `what` says in the failure what was waited for. */
export function eventuallyTrue(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  return eventually(
    async () => {
      if (!(await condition())) throw new Error(`still not so: ${what}`);
    },
    withinMs,
    10,
  );
}
