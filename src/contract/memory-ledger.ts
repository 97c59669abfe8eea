import type { Bytes } from '../lib/quantity.ts';

/** One model's claim on the memory of its predictor. */
interface MemoryClaim<T> {
  readonly claimant: T;
  readonly memory: Bytes;
}

interface MemoryLedger<T> {
  readonly granted: readonly T[];
  readonly refused: readonly { readonly claimant: T; readonly memory: Bytes; readonly free: Bytes }[];
  /** Claims that fit in memory but found no place in a ConfigMap. */
  readonly placeless: readonly T[];
  /** The sum of the granted claims. */
  readonly used: Bytes;
}

/**
 * Grants claims in order as long as they fit. A claim that does not fit is skipped, and a smaller one after it may
 * still be granted. KServe's rule: the declared memory of an InferenceService's models must not exceed the memory limit
 * of its predictor container. Without a limit, every claim is granted. `takePlace` is called once for each claim that
 * fits; a claim that finds no place uses no memory.
 */
export function allocateMemory<T>(
  claims: Iterable<MemoryClaim<T>>,
  limit: Bytes | undefined,
  takePlace: (claimant: T) => boolean = () => true,
): MemoryLedger<T> {
  const granted: T[] = [];
  const placeless: T[] = [];
  const refused: { claimant: T; memory: Bytes; free: Bytes }[] = [];
  let used = 0n;
  for (const { claimant, memory } of claims) {
    if (limit !== undefined && used + memory > limit) {
      refused.push({ claimant, memory, free: (limit - used) as Bytes });
    } else if (!takePlace(claimant)) {
      placeless.push(claimant);
    } else {
      used += memory;
      granted.push(claimant);
    }
  }
  return { granted, refused, placeless, used: used as Bytes };
}

/**
 * The same for models that take turns in memory: a claim is granted if it fits alone. For a claim that does not fit,
 * the free memory is the whole budget.
 */
export function allocateAlone<T>(
  claims: Iterable<MemoryClaim<T>>,
  limit: Bytes | undefined,
  takePlace: (claimant: T) => boolean,
): MemoryLedger<T> {
  const granted: T[] = [];
  const placeless: T[] = [];
  const refused: { claimant: T; memory: Bytes; free: Bytes }[] = [];
  let used = 0n;
  for (const { claimant, memory } of claims) {
    if (limit !== undefined && memory > limit) refused.push({ claimant, memory, free: limit });
    else if (!takePlace(claimant)) placeless.push(claimant);
    else {
      used += memory;
      granted.push(claimant);
    }
  }
  return { granted, refused, placeless, used: used as Bytes };
}
