import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { keyOf, objectKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { FOLD_ANNOTATIONS } from '../../contract/names.ts';
import { endpointOf, isReplacement } from '../../contract/replacement.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { keyOfWatchedPod } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import type { ClusterView } from '../../kube/cluster-view.ts';
import type { Controller } from '../controller.ts';
import { createControllerQueue } from '../controller-queue.ts';
import { modelsOfSlices } from './left-behind.ts';
import { reconcileReplacement } from './reconcile-replacement.ts';

interface ReplacementControllerOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const PACE = {
  workers: 4,
  backoff: { base: milliseconds(100), cap: seconds(30) },
  resyncEvery: seconds(300),
};

/**
 * Routes the Services of folded InferenceServices to the pods that they share. Unless a TrainedModel replaces an
 * InferenceService, its only request is a list of leftover slices every five minutes.
 */
export function createReplacementController(options: ReplacementControllerOptions): Controller {
  const { client, view } = options;
  const { trainedModels, pods } = view;
  const logger = options.logger.child({ part: 'replacements' });
  const queue = createControllerQueue({
    ...{ ...options, logger, pace: PACE, caches: [trainedModels, pods], observe: () => undefined },
    allKeys: async () => [
      ...[...trainedModels.cache.list()].filter(isReplacement).map((model) => keyOf(model)),
      ...(await modelsOfSlices(client, logger)),
    ],
    process: (key) =>
      reconcileReplacement(key, trainedModels.cache.get(key), { client, logger, podsOf: podsOf(view) }),
  });
  trainedModels.subscribe((delta) => {
    if (delta.type === 'synced') return;
    const before = delta.type === 'updated' ? delta.previous : undefined;
    if (before !== undefined && isUnchanged(before, delta.object)) return;
    if (isReplacement(delta.object) || (before !== undefined && isReplacement(before)))
      queue.enqueue(keyOf(delta.object));
  });
  pods.subscribe((delta) => {
    if (delta.type === 'synced') return;
    if (delta.type === 'updated' && endpointOf(delta.object) === endpointOf(delta.previous)) return;
    if (delta.type === 'added' && endpointOf(delta.object) === '') return;
    const key = keyOfWatchedPod(delta.object);
    if (key === undefined) return;
    for (const model of view.trainedModelsByKey.group(key))
      if (isReplacement(model)) queue.enqueue(keyOf(model));
  });
  // Its Service is created and deleted with it.
  view.inferenceServices.subscribe((delta) => {
    if (delta.type === 'synced') return;
    const model = trainedModels.cache.get(keyOf(delta.object));
    if (model !== undefined && isReplacement(model)) queue.enqueue(keyOf(model));
  });
  return { lead: (signal) => queue.lead(signal) };
}

function podsOf(view: ClusterView): (namespace: string, service: string) => Iterable<WatchedPod> {
  return (namespace, service) => view.podsByKey.group(objectKey(namespace, service));
}

function isUnchanged(a: TrainedModel, b: TrainedModel): boolean {
  const { replaces } = FOLD_ANNOTATIONS;
  return (
    a.metadata.annotations?.[replaces] === b.metadata.annotations?.[replaces] &&
    a.metadata.uid === b.metadata.uid &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    a.spec?.inferenceService === b.spec?.inferenceService
  );
}
