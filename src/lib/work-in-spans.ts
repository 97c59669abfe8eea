import type { Clock, Milliseconds } from './clock.ts';

interface Spans {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** How long to work without a pause, and the minimum pause after it. */
  readonly span: Milliseconds;
  readonly rest: Milliseconds;
  /** Ends the pause. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does short pieces of work, one after the other, for at most a part of the event loop's time. Resolves when none is
 * left.
 *
 * @param next returns the next piece, or undefined when there is none
 */
export async function workInSpans(
  { clock, span, rest, signal }: Spans,
  next: () => (() => void | Promise<void>) | undefined,
): Promise<void> {
  for (let piece = next(); piece !== undefined; piece = next()) {
    const began = clock.monotonic();
    let one: typeof piece | undefined = piece;
    while (one !== undefined) {
      // After synchronous work the next piece follows in the same turn of the loop.
      const done = one();
      if (done !== undefined) await done;
      one = clock.monotonic() - began < span ? next() : undefined;
    }
    await clock.sleep(rest, signal);
  }
}
