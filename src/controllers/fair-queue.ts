/** The unit of fairness: a namespace, and within it an InferenceService. */
export interface Sharer {
  readonly namespace: string;
  readonly inferenceService: string;
}

/**
 * A queue with fair turns: namespaces take turns, in each namespace the InferenceServices, and within one of these the
 * order is first in, first out. An item is in the queue once.
 */
export interface FairQueue<T> {
  readonly size: number;
  /** How many items of a namespace are waiting. */
  sizeOf(namespace: string): number;
  push(sharer: Sharer, item: T): void;
  /** The next item that may go now; `mayGo` is called once per sharer. Undefined when none may. */
  next(mayGo?: (sharer: Sharer) => boolean): T | undefined;
  /** Removes an item before its turn. */
  remove(sharer: Sharer, item: T): void;
}

/** Items by InferenceService, and their number. */
interface Namespace<T> {
  readonly services: Map<string, Set<T>>;
  size: number;
}

export function createFairQueue<T>(): FairQueue<T> {
  const waiting = new Map<string, Namespace<T>>();
  let size = 0;

  /** The sharer that had a turn goes to the end. */
  function take(name: string, inferenceService: string): T | undefined {
    const namespace = waiting.get(name);
    const items = namespace?.services.get(inferenceService);
    if (namespace === undefined || items === undefined) return undefined;
    for (const first of items) {
      items.delete(first);
      size -= 1;
      namespace.size -= 1;
      namespace.services.delete(inferenceService);
      if (items.size > 0) namespace.services.set(inferenceService, items);
      waiting.delete(name);
      if (namespace.size > 0) waiting.set(name, namespace);
      return first;
    }
    return undefined;
  }

  return {
    get size() {
      return size;
    },
    sizeOf: (namespace) => waiting.get(namespace)?.size ?? 0,
    push({ namespace: name, inferenceService }, item) {
      const namespace = waiting.get(name) ?? { services: new Map<string, Set<T>>(), size: 0 };
      const items = namespace.services.get(inferenceService) ?? new Set<T>();
      if (items.has(item)) return;
      items.add(item);
      namespace.services.set(inferenceService, items);
      namespace.size += 1;
      waiting.set(name, namespace);
      size += 1;
    },
    next(mayGo = () => true) {
      for (const [namespace, { services }] of waiting) {
        for (const inferenceService of services.keys()) {
          if (mayGo({ namespace, inferenceService })) return take(namespace, inferenceService);
        }
      }
      return undefined;
    },
    remove({ namespace: name, inferenceService }, item) {
      const namespace = waiting.get(name);
      const items = namespace?.services.get(inferenceService);
      if (namespace === undefined || items?.delete(item) !== true) return;
      size -= 1;
      namespace.size -= 1;
      if (items.size === 0) namespace.services.delete(inferenceService);
      if (namespace.size === 0) waiting.delete(name);
    },
  };
}
