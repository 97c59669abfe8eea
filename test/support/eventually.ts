import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats a check until it passes, and throws its last failure if it never does. It replaces sleeps.
 *
 * @param withinMs generous: it bounds the duration of a failing test, and is not a promised time
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

/** The same for a boolean condition; `what` names it in the failure. */
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
