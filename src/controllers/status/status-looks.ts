import { milliseconds } from '../../lib/clock.ts';
import type { Clock, Milliseconds } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { createKeyTimers } from '../../lib/key-timers.ts';

/** Models whose status must be checked, collected by InferenceService. */
export interface StatusLooks {
  /** These models of the InferenceService have changed; all of them when undefined. */
  changed(inferenceService: ObjectKey, models: Iterable<string> | undefined): void;
}

interface StatusLooksOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly modelsOf: (inferenceService: ObjectKey) => Iterable<string>;
  /** How many pods it has: a check of one model reads all of them. */
  readonly podsOf: (inferenceService: ObjectKey) => number;
  readonly look: (inferenceService: ObjectKey, model: string) => void;
  /** Awaited before each check, to give way to other work. */
  readonly breathe: () => Promise<void>;
}

/**
 * A check of one model costs some ten microseconds for each pod. This rest keeps all checks of one InferenceService
 * below a tenth of the time.
 */
const REST_A_POD_MS = 0.1;
const REST = { least: 50, most: 60_000 };

/** How long an InferenceService rests after checks of its models, each of which reads all of its pods. */
export function restAfter(looks: number, pods: number): Milliseconds {
  return milliseconds(Math.min(REST.most, Math.max(REST.least, looks * pods * REST_A_POD_MS)));
}

/**
 * The first change is checked at once. After it an InferenceService rests in proportion to its size, and changes in the
 * meantime are checked together. Pods that report changes as fast as they can cost no more than others.
 */
export function createStatusLooks(options: StatusLooksOptions): StatusLooks {
  const { clock, signal, modelsOf, podsOf, look, breathe } = options;
  const pending = new Map<ObjectKey, Set<string> | 'all'>();
  const under = new Set<ObjectKey>();
  const resting = createKeyTimers<ObjectKey>(clock, signal, (key) => void flush(key));

  async function flush(key: ObjectKey): Promise<void> {
    const gathered = pending.get(key);
    if (gathered === undefined) return;
    pending.delete(key);
    under.add(key);
    let looks = 0;
    for (const name of gathered === 'all' ? [...modelsOf(key)] : gathered) {
      await breathe();
      if (signal.aborted) return;
      look(key, name);
      looks += 1;
    }
    under.delete(key);
    resting.set(key, restAfter(looks, podsOf(key)));
  }

  return {
    changed(key, models) {
      const before = pending.get(key);
      if (models === undefined) pending.set(key, 'all');
      else if (before === undefined) pending.set(key, new Set(models));
      else if (before !== 'all') for (const name of models) before.add(name);
      if (!under.has(key) && !resting.has(key)) resting.set(key, milliseconds(0));
    },
  };
}
