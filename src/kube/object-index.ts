import type { KubernetesObject, ObjectKey } from '../contract/kubernetes.ts';

/** Derived data that a reflector's store keeps up to date. */
export interface IndexUpdate<T extends KubernetesObject> {
  /** Called by the reflector's store only: the object under this key is now this one, or is gone. Must not throw. */
  assign(key: ObjectKey, object: T | undefined): void;
}

/** The cached objects, grouped by a key. Kept up to date by the reflector that owns the cache. */
export interface ObjectIndex<T extends KubernetesObject> extends IndexUpdate<T> {
  /** The objects of one group, in no particular order. Empty if there are none. O(1), not a copy. */
  group(name: string): Iterable<T>;
  /** How many objects the group has. */
  sizeOf(name: string): number;
}

/**
 * An index to hand to `startReflector`, such as TrainedModels by the InferenceService they name.
 *
 * @param groupOf the group of an object, undefined for none. If it throws, the object has no group: the shape of
 * objects in a cluster is not to be trusted.
 */
export function createIndex<T extends KubernetesObject>(
  groupOf: (object: T) => string | undefined,
): ObjectIndex<T> {
  const groups = new Map<string, Group<T>>();
  // The group itself, not its name: each name that `groupOf` makes is a new string.
  const groupByKey = new Map<ObjectKey, Group<T>>();

  function leave(key: ObjectKey, group: Group<T>): void {
    group.members.delete(key);
    if (group.members.size === 0) groups.delete(group.name);
    groupByKey.delete(key);
  }

  function groupNamed(name: string): Group<T> {
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group = { name, members: new Map<ObjectKey, T>() };
    groups.set(name, group);
    return group;
  }

  return {
    group: (name) => groups.get(name)?.members.values() ?? [],
    sizeOf: (name) => groups.get(name)?.members.size ?? 0,
    assign(key, object) {
      const before = groupByKey.get(key);
      const after = object === undefined ? undefined : tolerant(groupOf, object);
      if (before !== undefined && before.name !== after) leave(key, before);
      if (object === undefined || after === undefined) return;
      const group = groupNamed(after);
      group.members.set(key, object);
      groupByKey.set(key, group);
    },
  };
}

interface Group<T> {
  readonly name: string;
  readonly members: Map<ObjectKey, T>;
}

function tolerant<T>(groupOf: (object: T) => string | undefined, object: T): string | undefined {
  try {
    return groupOf(object);
  } catch {
    return undefined;
  }
}
