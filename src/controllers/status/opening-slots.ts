import { objectKey } from '../../contract/kubernetes.ts';
import { createFairQueue } from '../fair-queue.ts';
import type { Sharer } from '../fair-queue.ts';

/** Limits how many connections to agents are being opened at once. */
export interface OpeningSlots {
  /**
   * Resolves with a function that returns the slot; with undefined when the signal aborts first, or once closed. Return
   * the slot when the agent has answered, or will not.
   */
  take(sharer: Sharer, signal: AbortSignal): Promise<(() => void) | undefined>;
  /** No slot is given any more, so that connections that end do not make way for others. */
  close(): void;
}

interface SlotBounds {
  readonly inferenceService: number;
  readonly namespace: number;
  readonly total: number;
}

/**
 * A thousand connections opened at once block the event loop for seconds, and once more when all of them time out. One
 * namespace never takes all slots, so that pods that do not answer delay only their own.
 */
const BOUNDS: SlotBounds = { inferenceService: 16, namespace: 32, total: 128 };

interface Waiting {
  readonly sharer: Sharer;
  readonly go: () => void;
}

export function createOpeningSlots(bounds: SlotBounds = BOUNDS): OpeningSlots {
  let closed = false;
  const queue = createFairQueue<Waiting>();
  /** By namespace and by InferenceService: the latter's key has a slash, which a namespace never has. */
  const taken = new Map<string, number>();
  let total = 0;

  function count({ namespace, inferenceService }: Sharer, change: 1 | -1): void {
    total += change;
    for (const key of [namespace, objectKey(namespace, inferenceService)]) {
      const now = (taken.get(key) ?? 0) + change;
      if (now === 0) taken.delete(key);
      else taken.set(key, now);
    }
  }

  function mayGo({ namespace, inferenceService }: Sharer): boolean {
    return (
      (taken.get(namespace) ?? 0) < bounds.namespace &&
      (taken.get(objectKey(namespace, inferenceService)) ?? 0) < bounds.inferenceService
    );
  }

  function serve(): void {
    while (!closed && total < bounds.total) {
      const next = queue.next(mayGo);
      if (next === undefined) return;
      count(next.sharer, 1);
      next.go();
    }
  }

  return {
    close() {
      closed = true;
    },
    take: (sharer, signal) =>
      new Promise((resolve) => {
        if (signal.aborted || closed) {
          resolve(undefined);
          return;
        }
        let given = true;
        const giveBack = (): void => {
          if (!given) return;
          given = false;
          count(sharer, -1);
          serve();
        };
        const giveUp = (): void => {
          queue.remove(sharer, waiting);
          resolve(undefined);
        };
        const go = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve(giveBack);
        };
        const waiting: Waiting = { sharer, go };
        signal.addEventListener('abort', giveUp, { once: true });
        queue.push(sharer, waiting);
        serve();
      }),
  };
}
