import type { Bytes } from '../lib/quantity.ts';

/** One model's claim on the memory of its predictor. */
interface MemoryClaim<T> {
  readonly claimant: T;
  readonly memory: Bytes;
}

interface MemoryLedger<T> {
  readonly granted: readonly T[];
  readonly refused: readonly { readonly claimant: T; readonly memory: Bytes; readonly free: Bytes }[];
  /** Those that memory would have let in, but that had no place. */
  readonly placeless: readonly T[];
  /** The sum of what was granted. */
  readonly used: Bytes;
}

/**
 * Grants claims in the order given, as long as they fit; a claim that does not fit is passed over, and a smaller one
 * behind it may still be granted. KServe's rule: the sum of the declared memory of an InferenceService's models must
 * not exceed the memory limit of its predictor container. No limit grants everything. Who finds no place with
 * `takePlace`, which is asked once of each claim that fits, takes no memory from those behind it.
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
 * The same where models take turns in memory: a claim is granted that fits by itself. What is free for a claim that does not is
 * all there is.
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
