import { type Clock, type Milliseconds, type MonotonicMs, seconds } from '../../lib/clock.ts';

/** How often calls are checked for their time limit. */
const LOOK_EVERY = seconds(1);

/** Running calls, each with a time limit. */
export interface CallsUnderWay {
  add(giveUp: () => void): void;
  done(giveUp: () => void): void;
  /** Cancels all of them. */
  giveUpAll(): void;
}

/** A timer and a listener for each call took a tenth of sending it. This checks all of them once a second. */
export function watchCalls(within: Milliseconds, clock: Pick<Clock, 'monotonic' | 'sleep'>): CallsUnderWay {
  const since = new Map<() => void, MonotonicMs>();
  let isLooking = false;
  const look = async (): Promise<void> => {
    isLooking = true;
    while (since.size > 0) {
      await clock.sleep(LOOK_EVERY);
      const now = clock.monotonic();
      for (const [giveUp, began] of since) if (now - began >= within) giveUp();
    }
    isLooking = false;
  };
  return {
    add: (giveUp) => {
      since.set(giveUp, clock.monotonic());
      if (!isLooking) void look();
    },
    done: (giveUp) => {
      since.delete(giveUp);
    },
    giveUpAll: () => {
      for (const giveUp of since.keys()) giveUp();
    },
  };
}
