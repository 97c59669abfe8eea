import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { FORGIVEN_AFTER } from './follower-waits.ts';

/** Which pods of each InferenceService were faulty recently. */
export interface FaultyPods {
  add(inferenceService: ObjectKey, pod: ObjectKey): void;
  forget(inferenceService: ObjectKey, pod: ObjectKey): void;
  count(inferenceService: ObjectKey): number;
}

export function createFaultyPods(clock: Pick<Clock, 'monotonic'>): FaultyPods {
  const byService = new Map<ObjectKey, Map<ObjectKey, MonotonicMs>>();

  function forget(inferenceService: ObjectKey, pod: ObjectKey): void {
    const pods = byService.get(inferenceService);
    pods?.delete(pod);
    if (pods?.size === 0) byService.delete(inferenceService);
  }

  return {
    add(inferenceService, pod) {
      const pods = byService.get(inferenceService) ?? new Map<ObjectKey, MonotonicMs>();
      // At the end, so that the oldest comes first.
      pods.delete(pod);
      pods.set(pod, clock.monotonic());
      byService.set(inferenceService, pods);
    },
    forget,
    count(inferenceService) {
      for (const [pod, at] of byService.get(inferenceService) ?? []) {
        if (clock.monotonic() - at < FORGIVEN_AFTER) break;
        forget(inferenceService, pod);
      }
      return byService.get(inferenceService)?.size ?? 0;
    },
  };
}
