import { type Entry, type QueueName, QUEUES } from './entry.ts';

/** The models waiting to be loaded, first come first served within each queue. */
export interface LoadQueues {
  /** Puts a model into a queue. If it already waits in a more urgent one, it stays there. */
  put(entry: Entry, queue: QueueName): void;
  remove(entry: Entry): void;
  of(queue: QueueName): ReadonlySet<Entry>;
  isEmpty(): boolean;
}

export function createLoadQueues(): LoadQueues {
  const queues: Readonly<Record<QueueName, Set<Entry>>> = {
    request: new Set(),
    pinned: new Set(),
    hot: new Set(),
    proof: new Set(),
  };
  const remove = (entry: Entry): void => {
    if (entry.queue === undefined) return;
    queues[entry.queue].delete(entry);
    entry.queue = undefined;
  };
  return {
    remove,
    of: (queue) => queues[queue],
    isEmpty: () => QUEUES.every((queue) => queues[queue].size === 0),
    put: (entry, queue) => {
      if (entry.queue !== undefined && QUEUES.indexOf(entry.queue) <= QUEUES.indexOf(queue)) return;
      remove(entry);
      entry.queue = queue;
      queues[queue].add(entry);
    },
  };
}
