import { type Clock, type Milliseconds, type MonotonicMs, seconds } from '../../lib/clock.ts';

/** How often it is looked whether a call has had its time. */
const LOOK_EVERY = seconds(1);

/** Calls that are under way, each of which has so long. */
export interface CallsUnderWay {
  add(giveUp: () => void): void;
  done(giveUp: () => void): void;
  /** Gives all of them up. */
  giveUpAll(): void;
}

/** A timer and a listener for each call took a tenth of sending it; this looks at all of them once a second. */
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
