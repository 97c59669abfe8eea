import { NO_MORE_WAITING } from '../lib/abort.ts';
import { type Clock, type Milliseconds, milliseconds } from '../lib/clock.ts';
import { admissionAfter, type SlotLoad } from './slot-admission.decide.ts';

/** The right to do one piece of work. Releasing it twice is fine. */
export interface Slot {
  release(): void;
}

/** Bounds how much work runs at once, first come first served. */
export interface Slots {
  /** Resolves with a slot, or undefined if the signal aborts first. */
  take(signal: AbortSignal): Promise<Slot | undefined>;
}

/** Work that takes longer than `after` frees its place for the next; see {@link admissionAfter}. */
interface SlowWork {
  readonly clock: Clock;
  readonly after: Milliseconds;
}

/**
 * Makes `limit` slots.
 * @param slow without it, work keeps its place however long it takes
 */
export function createSlots(limit: number, slow?: SlowWork): Slots {
  const waiting = new Set<() => void>();
  const places = createPlaces(limit, slow, () => admit());
  let look: AbortController | undefined;
  /** Admits all that may begin now, and runs again when the next may begin by time alone. */
  const admit = (): void => {
    look?.abort(NO_MORE_WAITING);
    look = undefined;
    while (waiting.size > 0) {
      const wait = places.open();
      if (wait > 0) {
        lookAgain(wait);
        return;
      }
      const [first] = waiting;
      first?.();
    }
  };
  const lookAgain = (wait: number): void => {
    if (slow === undefined || wait === Number.POSITIVE_INFINITY) return;
    const { signal } = (look = new AbortController());
    void slow.clock.sleep(milliseconds(Math.ceil(wait)), signal).then(() => {
      if (!signal.aborted) admit();
    });
  };
  return {
    take: (signal) => {
      if (signal.aborted) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const granted = (): void => {
          leave();
          resolve(places.take());
        };
        const aborted = (): void => {
          leave();
          resolve(undefined);
        };
        const leave = (): void => {
          waiting.delete(granted);
          signal.removeEventListener('abort', aborted);
        };
        waiting.add(granted);
        signal.addEventListener('abort', aborted, { once: true });
        // An earlier waiter has already scheduled the next check.
        if (waiting.size === 1) admit();
      });
    },
  };
}

interface Places {
  /** 0: one may be taken now. Else the milliseconds until the next check. */
  open(): number;
  take(): Slot;
}

/** @param freed called when one was released */
function createPlaces(limit: number, slow: SlowWork | undefined, freed: () => void): Places {
  /** The time at which each taken slot was taken. */
  const taken = new Map<symbol, number>();
  let extra = 0;
  let lastGrant = 0;
  const now = (): number => slow?.clock.monotonic() ?? 0;
  const loadNow = (): SlotLoad => ({
    limit,
    takenFor: [...taken.values()].map((at) => now() - at),
    slowAfter: slow?.after ?? Number.POSITIVE_INFINITY,
    extra,
    sinceLastGrant: now() - lastGrant,
  });
  return {
    open: () => {
      const admission = admissionAfter(loadNow());
      extra = admission.extra;
      return admission.wait;
    },
    take: () => {
      const key = Symbol('slot');
      lastGrant = now();
      taken.set(key, lastGrant);
      return {
        release: () => {
          if (taken.delete(key)) freed();
        },
      };
    },
  };
}
