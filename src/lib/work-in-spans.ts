import type { Clock, Milliseconds } from './clock.ts';

interface Spans {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** How long is worked in one go, and at least rested after it. */
  readonly span: Milliseconds;
  readonly rest: Milliseconds;
  /** Ends the rest. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does short pieces of work, one after the other, for at most a part of the event loop's time. Resolves when there is none left.
 *
 * @param next the next piece; undefined when there is none
 */
export async function workInSpans(
  { clock, span, rest, signal }: Spans,
  next: () => (() => void | Promise<void>) | undefined,
): Promise<void> {
  for (let piece = next(); piece !== undefined; piece = next()) {
    const began = clock.monotonic();
    let one: typeof piece | undefined = piece;
    while (one !== undefined) {
      // What is done at once is followed by the next in the same turn of the loop.
      const done = one();
      if (done !== undefined) await done;
      one = clock.monotonic() - began < span ? next() : undefined;
    }
    await clock.sleep(rest, signal);
  }
}
