import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';

/** Since when each model has its current outcomes, while they differ from the stored status. */
interface StatusDebounce {
  /** Remembers the outcomes from now on, unless they are remembered already. */
  since(key: ObjectKey, outcomes: string): MonotonicMs;
  /** For a model whose status is up to date. Most models are, so that no memory is kept for them. */
  forget(key: ObjectKey): void;
}

export function createStatusDebounce(clock: Clock): StatusDebounce {
  const memories = new Map<ObjectKey, { readonly outcomes: string; readonly since: MonotonicMs }>();
  return {
    since(key, outcomes) {
      const known = memories.get(key);
      if (known?.outcomes === outcomes) return known.since;
      const now = clock.monotonic();
      memories.set(key, { outcomes, since: now });
      return now;
    },
    forget: (key) => void memories.delete(key),
  };
}
