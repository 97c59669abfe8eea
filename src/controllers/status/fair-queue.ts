/** Whose turn it is: a namespace, and within it an InferenceService. */
export interface Sharer {
  readonly namespace: string;
  readonly inferenceService: string;
}

/** What waits for its turn: namespaces go in turn, in each the InferenceServices, and in each of these the first goes first. */
interface FairQueue<T> {
  readonly size: number;
  push(sharer: Sharer, item: T): void;
  /** The next one that may go now, which is asked of each sharer once; undefined when none may. */
  next(mayGo?: (sharer: Sharer) => boolean): T | undefined;
  /** Takes one out before its turn. */
  remove(sharer: Sharer, item: T): void;
}

export function createFairQueue<T>(): FairQueue<T> {
  const waiting = new Map<string, Map<string, T[]>>();
  let size = 0;

  /** Whoever had a turn goes to the end. */
  function take(namespace: string, inferenceService: string): T | undefined {
    const services = waiting.get(namespace);
    const queue = services?.get(inferenceService);
    const first = queue?.shift();
    if (services === undefined || queue === undefined || first === undefined) return undefined;
    size -= 1;
    services.delete(inferenceService);
    if (queue.length > 0) services.set(inferenceService, queue);
    waiting.delete(namespace);
    if (services.size > 0) waiting.set(namespace, services);
    return first;
  }

  return {
    get size() {
      return size;
    },
    push({ namespace, inferenceService }, item) {
      const services = waiting.get(namespace) ?? new Map<string, T[]>();
      const queue = services.get(inferenceService) ?? [];
      queue.push(item);
      services.set(inferenceService, queue);
      waiting.set(namespace, services);
      size += 1;
    },
    next(mayGo = () => true) {
      for (const [namespace, services] of waiting) {
        for (const inferenceService of services.keys()) {
          if (mayGo({ namespace, inferenceService })) return take(namespace, inferenceService);
        }
      }
      return undefined;
    },
    remove({ namespace, inferenceService }, item) {
      const services = waiting.get(namespace);
      const queue = services?.get(inferenceService);
      const at = queue?.indexOf(item) ?? -1;
      if (services === undefined || queue === undefined || at < 0) return;
      queue.splice(at, 1);
      size -= 1;
      if (queue.length === 0) services.delete(inferenceService);
      if (services.size === 0) waiting.delete(namespace);
    },
  };
}
