import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { ConfigMap, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { keysOfConfigMap } from '../../contract/reconcile-keys.ts';
import { keyOfWatchedPod } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { createPropagation } from './annotate-pods.ts';
import type { PropagationResult } from './annotate-pods.ts';
import type { WorkQueueEvent } from '../work-queue.ts';
import type { ClusterView } from '../../kube/cluster-view.ts';
import type { Controller } from '../controller.ts';
import { createControllerQueue } from '../controller-queue.ts';

interface PropagationControllerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly observe: (result: PropagationResult) => void;
  readonly observeQueue: (event: WorkQueueEvent<ObjectKey>) => void;
}

const PACE = {
  workers: 4,
  // kubelet reads ConfigMaps in any case after about a minute, so it is useless to try more often than that.
  backoff: { base: milliseconds(250), cap: seconds(60) },
  resyncEvery: seconds(600),
};

/** Annotates pods so that their kubelets read changed ConfigMaps at once; see docs/decisions/0012-propagation.md. */
export function createPropagationController(options: PropagationControllerOptions): Controller {
  const { client, clock, view, observe, observeQueue } = options;
  const logger = options.logger.child({ part: 'propagation' });
  const propagation = createPropagation({
    ...{ client, clock, observe },
    pod: (key) => view.pods.cache.get(key),
    configMapsFor: (pod) => configMapsFor(pod, view),
  });
  const { pods, modelConfigs } = view;
  const queue = createControllerQueue({
    ...{ ...options, pace: PACE, logger, caches: [pods, modelConfigs], observe: observeQueue },
    allKeys: () => [...pods.cache.list()].filter(propagation.isDue).map((pod) => keyOf(pod)),
    process: propagation.annotate,
  });
  modelConfigs.subscribe((delta) => {
    if (delta.type !== 'synced') enqueueDue(podsOf(delta.object, view));
  });
  pods.subscribe((delta) => {
    if (delta.type === 'deleted') propagation.forget(delta.object);
    else if (delta.type !== 'synced') enqueueDue([delta.object]);
  });

  function enqueueDue(pods: Iterable<WatchedPod>): void {
    for (const pod of pods) if (propagation.isDue(pod)) queue.enqueue(keyOf(pod));
  }

  return { lead: (signal) => queue.lead(signal) };
}

function configMapsFor(pod: WatchedPod, view: ClusterView): Iterable<ConfigMap> {
  const key = keyOfWatchedPod(pod);
  return key === undefined ? [] : view.modelConfigsByKey.group(key);
}

function podsOf(configMap: ConfigMap, view: ClusterView): WatchedPod[] {
  return keysOfConfigMap(configMap).flatMap((key) => [...view.podsByKey.group(key)]);
}
