import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until the condition holds.
 *
 * @throws when it does not within the limit (milliseconds), which is far above what any such wait has taken
 */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit = 60_000,
): Promise<void> {
  const end = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`still not so after ${limit} ms: ${what}`);
    await sleep(10);
  }
}
