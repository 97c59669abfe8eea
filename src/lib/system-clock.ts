import type { Clock, EpochMs, MonotonicMs } from './clock.ts';

/**
 * The machine's own time. Entry points pass it to everything else. A sleep that is cut short makes no error: webhooks
 * cut one short for each review.
 */
export const systemClock: Clock = {
  now: () => Date.now() as EpochMs,
  monotonic: () => performance.now() as MonotonicMs,
  sleep: (span, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, span);
      signal?.addEventListener('abort', wake);
    }),
};
