import { type Clock, type MonotonicMs, seconds } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';

const TELL_EVERY = seconds(60);

/** Logs what was lost, at most once a minute. */
export function tellLosses({
  clock,
  log,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
}) {
  let untold = 0;
  let last = '';
  let told: MonotonicMs | undefined;
  const tell = (): void => {
    if (untold === 0) return;
    log.warn(
      { dropped: untold, why: last },
      'events were dropped: the log sink does not accept them as fast as they come',
    );
    untold = 0;
    told = clock.monotonic();
  };
  return {
    tell,
    add: (count: number, why: string): void => {
      untold += count;
      last = why;
      if (told === undefined || clock.monotonic() - told >= TELL_EVERY) tell();
    },
  };
}
