import type { Clock } from '../../lib/clock.ts';
import { PullAbortedError, SourceTimeoutError, SourceTooSlowError } from './errors.ts';
import type { SourceSettings } from './settings.ts';

/** Counts only the time spent waiting for the source, so a slow disk on our side does not count against it. */
export interface Watch {
  /** Aborted when the caller cancels or the source stalls. */
  readonly signal: AbortSignal;
  /** Waits for the source. @throws SourceTimeoutError, SourceTooSlowError, PullAbortedError */
  over<T>(waiting: Promise<T>): Promise<T>;
  received(bytes: number): void;
  stop(): void;
}

interface WatchOptions {
  readonly settings: SourceSettings;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly shown: string;
}

/** Watches one connection: a pause that is too long, or a rate that stays too low, ends it. */
export function createWatch({ settings, clock, signal, shown }: WatchOptions): Watch {
  const stopper = new AbortController();
  let fault: Error | undefined;
  // One slot instead of Promise.race against a long-lived promise, which would keep a reaction for every chunk.
  let failWaiting: ((error: Error) => void) | undefined;
  const stopWith = (error: Error): void => {
    fault ??= error;
    failWaiting?.(fault);
    stopper.abort(fault);
  };
  const onAbort = (): void =>
    stopWith(new PullAbortedError(`${shown}: cancelled because it is no longer wanted`));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });

  const rate = createRateFloor(settings, shown);
  const timer = (): NodeJS.Timeout =>
    setTimeout(() => {
      stopWith(
        new SourceTimeoutError(
          `${shown}: the source sent nothing for ${settings.noProgressTimeoutMs} ms. It is fetched again later.`,
        ),
      );
    }, settings.noProgressTimeoutMs);

  return {
    signal: stopper.signal,
    over: async <T>(waiting: Promise<T>): Promise<T> => {
      const since = clock.monotonic();
      const alarm = timer();
      try {
        return await new Promise<T>((resolve, reject) => {
          failWaiting = reject;
          waiting.then(resolve, reject);
          if (fault !== undefined) reject(fault);
        });
      } finally {
        failWaiting = undefined;
        clearTimeout(alarm);
        const tooSlow = rate.waited(clock.monotonic() - since);
        if (tooSlow !== undefined) stopWith(tooSlow);
      }
    },
    received: (bytes) => rate.received(bytes),
    stop: () => signal.removeEventListener('abort', onAbort),
  };
}

interface RateFloor {
  received(bytes: number): void;
  /** Called with each wait in milliseconds; returns an error once a full window was too slow. */
  waited(ms: number): SourceTooSlowError | undefined;
}

function createRateFloor({ slowWindowMs, minimumBytesPerSecond }: SourceSettings, shown: string): RateFloor {
  let waitedMs = 0;
  let windowBytes = 0;
  let begun = false;
  return {
    received: (bytes) => {
      begun = true;
      windowBytes += bytes;
    },
    waited: (ms) => {
      // Before the first byte there is no rate. That wait has its own limit, which may be longer than the window.
      if (!begun) return undefined;
      waitedMs += ms;
      if (waitedMs < slowWindowMs) return undefined;
      const rate = Math.floor((windowBytes * 1000) / waitedMs);
      const detail = `${shown}: the source sent ${rate} bytes a second over ${waitedMs} ms`;
      waitedMs = 0;
      windowBytes = 0;
      if (rate >= minimumBytesPerSecond) return undefined;
      return new SourceTooSlowError(
        `${detail}; at least ${minimumBytesPerSecond} are expected. It is fetched again later.`,
      );
    },
  };
}
