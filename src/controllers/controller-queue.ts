import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, Milliseconds, Random } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { splitKey } from '../contract/kubernetes.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import { waitForSync } from '../kube/wait-for-sync.ts';
import type { Syncing } from '../kube/wait-for-sync.ts';
import type { Sharer } from './fair-queue.ts';
import { startWorkQueue } from './work-queue.ts';
import type { WorkQueue, WorkQueueEvent, WorkQueueOptions } from './work-queue.ts';

/** How fast keys are processed. */
interface QueuePace extends Pick<WorkQueueOptions<ObjectKey>, 'workers' | 'backoff' | 'coalesce'> {
  /** Every key is reconciled this often even if nothing seems to have changed. */
  readonly resyncEvery: Milliseconds;
}

interface ControllerQueueOptions {
  readonly pace: QueuePace;
  readonly process: WorkQueueOptions<ObjectKey>['process'];
  readonly isUrgent?: (key: ObjectKey) => boolean;
  /** The tenant of a key, so that one with many keys delays no other. By default the key's namespace and object. */
  readonly sharerOf?: (key: ObjectKey) => Sharer;
  /** Every key that exists: a new leader has seen no changes yet, and reconciles all of them. */
  readonly allKeys: () => Iterable<ObjectKey> | Promise<Iterable<ObjectKey>>;
  readonly caches: readonly Syncing[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (event: WorkQueueEvent<ObjectKey>) => void;
}

/** The work queue of the leading replica. The others need none: a new leader reconciles everything. */
export interface ControllerQueue {
  /** Adds a changed key. Ignored when this replica does not lead. */
  enqueue(key: ObjectKey): void;
  /** Adds the key after a delay. */
  enqueueAfter(key: ObjectKey, span: Milliseconds): void;
  /** How many keys of a namespace are waiting. */
  depthOf(namespace: string): number;
  /** Works until the signal aborts. Writes nothing before every cache has synced. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
}

/** For controllers whose keys are InferenceServices. */
export const INFERENCE_SERVICE_PACE: QueuePace = {
  workers: 4,
  backoff: { base: milliseconds(100), cap: seconds(30) },
  // The first change of an InferenceService is written at once. While changes keep coming, writes become rarer, down to
  // one in `cap`: a thousand TrainedModels created at once cause about five writes, the last one as soon as all exist.
  coalesce: { first: milliseconds(100), cap: seconds(8), rest: milliseconds(500) },
  resyncEvery: seconds(600),
};
/** A manager whose caches never sync is not ready, and keeps trying. */
const SYNC_WITHIN = seconds(24 * 3600);

export function createControllerQueue(options: ControllerQueueOptions): ControllerQueue {
  const { allKeys, caches, clock, logger, pace } = options;
  let queue: WorkQueue<ObjectKey> | undefined;

  async function work(signal: AbortSignal): Promise<void> {
    await waitForSync(caches, { clock, timeout: SYNC_WITHIN, signal });
    const working = startWorkQueue<ObjectKey>({ sharerOf: ownSharer, ...options, ...pace });
    queue = working;
    while (!signal.aborted) {
      for (const key of await allKeys()) working.add(key);
      await clock.sleep(pace.resyncEvery, signal);
    }
  }

  return {
    enqueue: (key) => queue?.add(key),
    enqueueAfter: (key, span) => queue?.addAfter(key, span),
    depthOf: (namespace) => queue?.depthOf(namespace) ?? 0,
    async lead(signal) {
      try {
        await work(signal);
      } catch (thrown) {
        if (!signal.aborted) logger.error({ err: thrown }, `reconciling has ended: ${messageOf(thrown)}`);
      } finally {
        await queue?.stop();
        queue = undefined;
      }
    },
  };
}

function ownSharer(key: ObjectKey): Sharer {
  const { namespace, name } = splitKey(key);
  return { namespace, inferenceService: name };
}
