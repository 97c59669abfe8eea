import { milliseconds, seconds } from '../core/clock.ts';
import type { Clock, Random } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { ObjectKey } from '../core/kubernetes.ts';
import type { Logger } from '../core/log.ts';
import { waitForSync } from '../kube/wait-for-sync.ts';
import type { Syncing } from '../kube/wait-for-sync.ts';
import { startWorkQueue } from '../reconciler/work-queue.ts';
import type { WorkQueue, WorkQueueEvent } from '../reconciler/work-queue.ts';

export interface ReconcilingOptions {
  readonly process: (key: ObjectKey) => Promise<void>;
  /** Every key there is: a new leader has heard of no change yet, and looks at all of them. */
  readonly allKeys: () => Iterable<ObjectKey>;
  readonly caches: readonly Syncing[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (event: WorkQueueEvent<ObjectKey>) => void;
}

/** The work queue of the replica that leads. The others need none: a new leader looks at everything. */
export interface Reconciling {
  /** A change touches this key; without the lead that is nobody's business here. */
  enqueue(key: ObjectKey): void;
  /** Works until the signal aborts. Nothing is written before every cache is complete. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
}

/** InferenceServices that are reconciled at the same time. */
const WORKERS = 4;
const BACKOFF = { base: milliseconds(100), cap: seconds(30) };
/**
 * The first change of an InferenceService is written at once. While changes keep coming the writes get rarer, up to one
 * in this time: a thousand TrainedModels created at once become some ten writes, the last of them soon after.
 */
const COALESCE = { first: milliseconds(100), cap: milliseconds(1500) };
/** Everything is looked at this often even though nothing seems to have changed. */
const RESYNC_EVERY = seconds(600);
/** A manager whose caches never fill is not ready, and goes on trying. */
const SYNC_WITHIN = seconds(24 * 3600);

export function createReconciling(options: ReconcilingOptions): Reconciling {
  const { allKeys, caches, clock, logger } = options;
  let queue: WorkQueue<ObjectKey> | undefined;

  async function work(signal: AbortSignal): Promise<void> {
    await waitForSync(caches, { clock, timeout: SYNC_WITHIN, signal });
    const working = startWorkQueue<ObjectKey>({
      ...options,
      workers: WORKERS,
      backoff: BACKOFF,
      coalesce: COALESCE,
    });
    queue = working;
    while (!signal.aborted) {
      for (const key of allKeys()) working.add(key);
      await clock.sleep(RESYNC_EVERY, signal);
    }
  }

  return {
    enqueue: (key) => queue?.add(key),
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
