import { type Clock, type MonotonicMs, seconds } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';

const REPORT_EVERY = seconds(60);

/** Logs what was lost, at most once a minute. */
export function tellLosses({
  clock,
  log,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
}) {
  let unreported = 0;
  let last = '';
  let reportedAt: MonotonicMs | undefined;
  const report = (): void => {
    if (unreported === 0) return;
    log.warn(
      { dropped: unreported, why: last },
      'events were dropped: the log sink does not accept them as fast as they come',
    );
    unreported = 0;
    reportedAt = clock.monotonic();
  };
  return {
    report,
    add: (count: number, why: string): void => {
      unreported += count;
      last = why;
      if (reportedAt === undefined || clock.monotonic() - reportedAt >= REPORT_EVERY) report();
    },
  };
}
