import type { KubernetesObject, ObjectKey } from '../core/kubernetes.ts';

/** What a reflector's store keeps up to date. */
export interface IndexUpdate<T extends KubernetesObject> {
  /** For the reflector's store alone: the object under this key is now this one, or is gone. Must not throw. */
  assign(key: ObjectKey, object: T | undefined): void;
}

/** The cached objects grouped by something in them, kept up to date by the reflector that owns the cache. */
export interface ObjectIndex<T extends KubernetesObject> extends IndexUpdate<T> {
  /** The objects of one group, in no particular order; empty when there are none. O(1), not a copy. */
  group(name: string): Iterable<T>;
  /** How many objects the group has. */
  sizeOf(name: string): number;
}

/**
 * An index to hand to `startReflector`, such as TrainedModels by the InferenceService they name.
 *
 * @param groupOf the group of an object, undefined for none. One that throws puts the object into no group: the shape of
 * what a cluster holds is not ours to trust.
 */
export function createIndex<T extends KubernetesObject>(
  groupOf: (object: T) => string | undefined,
): ObjectIndex<T> {
  const groups = new Map<string, Map<ObjectKey, T>>();
  const groupByKey = new Map<ObjectKey, string>();

  function leave(key: ObjectKey, name: string): void {
    const group = groups.get(name);
    group?.delete(key);
    if (group?.size === 0) groups.delete(name);
    groupByKey.delete(key);
  }

  return {
    group: (name) => groups.get(name)?.values() ?? [],
    sizeOf: (name) => groups.get(name)?.size ?? 0,
    assign(key, object) {
      const before = groupByKey.get(key);
      const after = object === undefined ? undefined : tolerant(groupOf, object);
      if (before !== undefined && before !== after) leave(key, before);
      if (object === undefined || after === undefined) return;
      const group = groups.get(after);
      if (group === undefined) groups.set(after, new Map([[key, object]]));
      else group.set(key, object);
      groupByKey.set(key, after);
    },
  };
}

function tolerant<T>(groupOf: (object: T) => string | undefined, object: T): string | undefined {
  try {
    return groupOf(object);
  } catch {
    return undefined;
  }
}
