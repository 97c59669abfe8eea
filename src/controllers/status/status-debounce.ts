import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';

/** Since when each model's verdicts are what they are, as long as they differ from what is stored. */
interface StatusDebounce {
  /** Remembers them from now on unless they are remembered already. */
  since(key: ObjectKey, verdicts: string): MonotonicMs;
  /** For a model whose status says all there is to say: of most models, so that memory is not kept for them. */
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
