import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';

/** Since when each model has its current verdicts, while they differ from the stored status. */
interface StatusDebounce {
  /** Remembers the verdicts from now on, unless they are remembered already. */
  since(key: ObjectKey, verdicts: string): MonotonicMs;
  /** For a model whose status is up to date. Most models are, so that no memory is kept for them. */
  forget(key: ObjectKey): void;
}

export function createStatusDebounce(clock: Clock): StatusDebounce {
  const memories = new Map<ObjectKey, { readonly verdicts: string; readonly since: MonotonicMs }>();
  return {
    since(key, verdicts) {
      const known = memories.get(key);
      if (known?.verdicts === verdicts) return known.since;
      const now = clock.monotonic();
      memories.set(key, { verdicts, since: now });
      return now;
    },
    forget: (key) => void memories.delete(key),
  };
}
