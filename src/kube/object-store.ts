import type { ObjectCache } from '../contract/kubernetes.ts';
import { keyOf, type KubernetesObject, type ObjectKey } from '../contract/kubernetes.ts';
import type { IndexUpdate } from './object-index.ts';
import { compareResourceVersions } from './resource-version.ts';

/** One difference between the cache and the cluster. */
export type ObjectDelta<T extends KubernetesObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  /**
   * `object` is the last known state: from the deletion itself, or the cached one if only a list showed the absence.
   */
  | { readonly type: 'deleted'; readonly object: T; readonly previous: T };

/** The objects of one kind, changed only by a list or a watch. Each change returns the differences. */
export interface ObjectStore<T extends KubernetesObject> {
  readonly cache: ObjectCache<T>;
  /** Replaces the content by a complete list, even if its versions are older: after a restored backup they are. */
  replaceAll(objects: readonly T[]): ObjectDelta<T>[];
  /** An added or modified object. If it is older than the cached one, or the same, nothing changes. */
  put(object: T): ObjectDelta<T>[];
  /** A deleted object. A late event for a deletion changes nothing if a new object has followed. */
  remove(object: T): ObjectDelta<T>[];
}

export function createObjectStore<T extends KubernetesObject>(
  indexes: readonly IndexUpdate<T>[] = [],
): ObjectStore<T> {
  let objects = new Map<ObjectKey, T>();
  let synced = false;

  function assign(key: ObjectKey, object: T | undefined): void {
    for (const index of indexes) index.assign(key, object);
  }

  return {
    cache: {
      get synced() {
        return synced;
      },
      get: (key) => objects.get(key),
      list: () => objects.values(),
    },
    replaceAll(list) {
      const before = objects;
      const after = new Map(list.map((object) => [keyOf(object), object]));
      objects = after;
      synced = true;
      for (const [key, object] of after) assign(key, object);
      for (const key of before.keys()) if (!after.has(key)) assign(key, undefined);
      return differences(before, after);
    },
    put(object) {
      const key = keyOf(object);
      const previous = objects.get(key);
      if (previous !== undefined && !isNewer(object, previous)) return [];
      objects.set(key, object);
      assign(key, object);
      return change(previous, object);
    },
    remove(object) {
      const key = keyOf(object);
      const previous = objects.get(key);
      if (previous === undefined) return [];
      if (isOlder(object, previous)) return [];
      objects.delete(key);
      assign(key, undefined);
      return [{ type: 'deleted', object: sameObject(object, previous) ? object : previous, previous }];
    },
  };
}

function differences<T extends KubernetesObject>(
  before: ReadonlyMap<ObjectKey, T>,
  after: ReadonlyMap<ObjectKey, T>,
): ObjectDelta<T>[] {
  const deltas: ObjectDelta<T>[] = [];
  for (const [key, previous] of before) {
    if (!after.has(key)) deltas.push({ type: 'deleted', object: previous, previous });
  }
  for (const [key, object] of after) {
    const previous = before.get(key);
    if (previous !== undefined && sameState(object, previous)) continue;
    deltas.push(...change(previous, object));
  }
  return deltas;
}

/** A new object with an old name is a deletion and an addition: the old one's dependants are not the new one's. */
function change<T extends KubernetesObject>(previous: T | undefined, object: T): ObjectDelta<T>[] {
  if (previous === undefined) return [{ type: 'added', object }];
  if (sameObject(object, previous)) return [{ type: 'updated', object, previous }];
  return [
    { type: 'deleted', object: previous, previous },
    { type: 'added', object },
  ];
}

function sameObject(a: KubernetesObject, b: KubernetesObject): boolean {
  return a.metadata.uid === b.metadata.uid;
}

function sameState(a: KubernetesObject, b: KubernetesObject): boolean {
  return sameObject(a, b) && order(a, b) === 0;
}

function isNewer(a: KubernetesObject, b: KubernetesObject): boolean {
  const compared = order(a, b);
  return compared === undefined || compared > 0;
}

function isOlder(a: KubernetesObject, b: KubernetesObject): boolean {
  const compared = order(a, b);
  return compared !== undefined && compared < 0;
}

function order(a: KubernetesObject, b: KubernetesObject): number | undefined {
  return compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion);
}
