/** The right to do one piece of work; giving it back twice is fine. */
export interface Slot {
  release(): void;
}

/** Bounds how much goes on at once, first come first served. */
export interface Slots {
  /** Resolves with a slot, or undefined when the signal aborts first. */
  take(signal: AbortSignal): Promise<Slot | undefined>;
}

/** Makes `limit` slots. */
export function createSlots(limit: number): Slots {
  let free = limit;
  const waiting = new Set<() => void>();
  const newSlot = (): Slot => {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        free += 1;
        const [next] = waiting;
        next?.();
      },
    };
  };
  return {
    take: (signal) => {
      if (signal.aborted) return Promise.resolve(undefined);
      if (free > 0 && waiting.size === 0) {
        free -= 1;
        return Promise.resolve(newSlot());
      }
      return new Promise((resolve) => {
        const granted = () => {
          leave();
          free -= 1;
          resolve(newSlot());
        };
        const aborted = () => {
          leave();
          resolve(undefined);
        };
        const leave = () => {
          waiting.delete(granted);
          signal.removeEventListener('abort', aborted);
        };
        waiting.add(granted);
        signal.addEventListener('abort', aborted, { once: true });
      });
    },
  };
}
