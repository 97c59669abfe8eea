import type { KubernetesObject, ObjectKey } from './kubernetes.ts';

/** A local, eventually consistent copy of one kind of object: all that decisions ever read from a cluster. */
export interface ObjectCache<T extends KubernetesObject> {
  /** False until the first full list has arrived; an absent object means nothing before that. */
  readonly synced: boolean;
  get(key: ObjectKey): T | undefined;
  list(): Iterable<T>;
}
