import type { ObjectKey, KubernetesObject } from '../contract/kubernetes.ts';
import type { IndexUpdate } from './object-index.ts';

/** A sum over the cached objects of each group. Kept up to date by the reflector that owns the cache. */
export interface ObjectSums<T extends KubernetesObject> extends IndexUpdate<T> {
  /** Zero for a group without objects. O(1). */
  sumOf(name: string): bigint;
}

/** What one object adds to the sum of its group. */
export interface Share {
  readonly group: string;
  readonly amount: bigint;
}

/** Sums to pass to `startReflector`, such as the memory that the TrainedModels of an InferenceService request. */
export function createSums<T extends KubernetesObject>(
  shareOf: (object: T) => Share | undefined,
): ObjectSums<T> {
  const sums = new Map<string, bigint>();
  const shares = new Map<ObjectKey, Share>();

  function add(group: string, amount: bigint): void {
    const sum = (sums.get(group) ?? 0n) + amount;
    if (sum === 0n) sums.delete(group);
    else sums.set(group, sum);
  }

  return {
    sumOf: (name) => sums.get(name) ?? 0n,
    assign(key, object) {
      const before = shares.get(key);
      if (before !== undefined) add(before.group, -before.amount);
      const after = object === undefined ? undefined : shareOf(object);
      if (after === undefined) {
        shares.delete(key);
        return;
      }
      add(after.group, after.amount);
      shares.set(key, after);
    },
  };
}
