import { NO_MORE_WAITING } from '../lib/abort.ts';
import { type Clock, type Milliseconds, milliseconds } from '../lib/clock.ts';
import { admissionAfter, type SlotLoad } from './slot-admission.decide.ts';

/** The right to do one piece of work; giving it back twice is fine. */
export interface Slot {
  release(): void;
}

/** Bounds how much goes on at once, first come first served. */
export interface Slots {
  /** Resolves with a slot, or undefined when the signal aborts first. */
  take(signal: AbortSignal): Promise<Slot | undefined>;
}

/** Work that takes longer than `after` gives its place to the next, as {@link admissionAfter} says. */
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
  let look = new AbortController();
  /** Lets in all that may begin now, and runs again when time alone lets in the next. */
  const admit = (): void => {
    look.abort(NO_MORE_WAITING);
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
    look = new AbortController();
    const { signal } = look;
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
        // An earlier waiter has already scheduled the next look.
        if (waiting.size === 1) admit();
      });
    },
  };
}

interface Places {
  /** 0: one may be taken now. Else the milliseconds until it is worth to look again. */
  open(): number;
  take(): Slot;
}

/** @param freed called when one was given back */
function createPlaces(limit: number, slow: SlowWork | undefined, freed: () => void): Places {
  /** Of each slot that is taken, when it was. */
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
