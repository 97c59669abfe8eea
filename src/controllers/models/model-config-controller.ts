import type { Clock, Milliseconds, Random } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { TakeoverInput, KServeMode } from '../../contract/kserve-controller.ts';
import type { ConfigMap, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf, splitKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { precedenceIn } from '../../contract/model-config-plan.ts';
import type { ModelConfigPlan } from '../../contract/model-config-plan.ts';
import { differsInStatusOnly, keyOfTrainedModel, keysOfConfigMap } from '../../contract/reconcile-keys.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import type { Delta } from '../../kube/reflector-types.ts';
import { INFERENCE_SERVICES } from '../../kube/resources.ts';
import { createConfigMapWriter } from './config-map-writer.ts';
import type { ConfigMapWrite } from './config-map-writer.ts';
import { createOwnWrites } from '../own-writes.ts';
import type { OwnWrites } from '../own-writes.ts';
import { reconcileModelConfig } from './reconcile-model-config.ts';
import { takeOver } from '../takeover/take-over.ts';
import type { ClusterReader } from './reconcile-model-config.ts';
import { decisiveReflectors } from '../../kube/cluster-view.ts';
import type { ClusterView } from '../../kube/cluster-view.ts';
import type { Controller } from '../controller.ts';
import { createControllerQueue, INFERENCE_SERVICE_PACE } from '../controller-queue.ts';
import type { WorkQueueEvent } from '../work-queue.ts';

/** Receives each plan, including plans that change nothing. */
export type PlanListener = (key: ObjectKey, plan: ModelConfigPlan) => void;

/** Keeps the ConfigMaps in sync with the TrainedModels; see docs/concepts.md. */
interface ModelConfigController extends Controller {
  /** Adds a listener of plans. Listeners are called in the order in which they were added. */
  onPlan(listener: PlanListener): void;
}

interface ModelConfigControllerOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** In takeover, this manager maintains KServe's finalizers and labels. */
  readonly kserve: KServeMode;
  readonly observeQueue: (event: WorkQueueEvent<ObjectKey>) => void;
  readonly observeWrite: (write: ConfigMapWrite) => void;
  readonly observeLag: (lag: Milliseconds) => void;
}

export function createModelConfigController(options: ModelConfigControllerOptions): ModelConfigController {
  const { client, view, clock, logger, kserve } = options;
  const takeover = kserve === 'takeover';
  const ownWrites = createOwnWrites(clock, options.observeLag);
  const writer = createConfigMapWriter(client, ownWrites, options.observeWrite);
  const planListeners: PlanListener[] = [];
  const world = readerOf(client, view, ownWrites);
  const queue = createControllerQueue({
    ...{ clock, random: options.random, logger, observe: options.observeQueue, pace: INFERENCE_SERVICE_PACE },
    caches: decisiveReflectors(view),
    allKeys,
    process: reconcile,
  });
  view.inferenceServices.subscribe((delta) => enqueueEach(objectsOf(delta).map((object) => keyOf(object))));
  // Both the InferenceService it names now and the previous one, which the model leaves.
  view.trainedModels.subscribe((delta) => {
    if (delta.type === 'updated' && differsInStatusOnly(delta.object, delta.previous)) return;
    enqueueEach(objectsOf(delta).map(keyOfTrainedModel));
  });
  view.modelConfigs.subscribe((delta) => {
    if (delta.type === 'deleted') ownWrites.forget(delta.object);
    // Our own write needs no new decision.
    else if (delta.type !== 'synced' && ownWrites.seen(delta.object)) return;
    enqueueEach(objectsOf(delta).flatMap(keysOfConfigMap));
  });

  /** Every key that could need work. A new leader has seen no changes yet. */
  function allKeys(): ReadonlySet<ObjectKey> {
    return new Set([
      ...[...view.inferenceServices.cache.list()].map((object) => keyOf(object)),
      ...[...view.modelConfigs.cache.list()].flatMap(keysOfConfigMap),
      // They have no InferenceService but still have KServe's finalizer.
      ...(takeover
        ? [...view.trainedModels.cache.list()].flatMap((model) => keyOfTrainedModel(model) ?? [])
        : []),
    ]);
  }

  async function reconcile(key: ObjectKey): Promise<void> {
    const first = precedenceIn(kserve);
    const plan = await reconcileModelConfig(key, { world, writer, logger, first, observe });
    // After models.json: a model whose finalizer is removed is no longer in it.
    if (takeover && (await takeOver(key, takeoverInput(key, world, plan), { client, logger })))
      queue.enqueue(key);
  }

  function observe(key: ObjectKey, plan: ModelConfigPlan): void {
    for (const listener of planListeners) listener(key, plan);
  }

  function enqueueEach(keys: readonly (ObjectKey | undefined)[]): void {
    for (const key of keys) if (key !== undefined) queue.enqueue(key);
  }

  return {
    onPlan: (listener) => planListeners.push(listener),
    lead: (signal) => queue.lead(signal),
  };
}

/** What a decision reads: the caches, and our own writes that the watch has not shown yet. */
function readerOf(client: ApiClient, view: ClusterView, ownWrites: OwnWrites): ClusterReader {
  return {
    inferenceService: (key) => view.inferenceServices.cache.get(key),
    trainedModels: (key) => [...view.trainedModelsByKey.group(key)],
    configMaps(key) {
      const cached = new Map(
        [...view.modelConfigsByKey.group(key)].map((configMap) => [keyOf(configMap), configMap]),
      );
      for (const configMap of ownWrites.unseen()) {
        if (!cached.has(keyOf(configMap)) && keysOfConfigMap(configMap).includes(key))
          cached.set(keyOf(configMap), configMap);
      }
      return [...cached.values()].map((configMap) => ownWrites.newest(configMap));
    },
    isInferenceServiceGone: (key) => isGone(client, key),
  };
}

function takeoverInput(
  key: ObjectKey,
  world: ClusterReader,
  plan: ModelConfigPlan | undefined,
): TakeoverInput {
  const placed = plan?.shards.flatMap(({ models }) => models.map(({ modelName }) => modelName));
  return {
    inferenceService: world.inferenceService(key),
    trainedModels: world.trainedModels(key),
    placed: placed && new Set(placed),
  };
}

function objectsOf<T extends InferenceService | TrainedModel | ConfigMap>(delta: Delta<T>): T[] {
  if (delta.type === 'synced') return [];
  return delta.type === 'updated' ? [delta.object, delta.previous] : [delta.object];
}

async function isGone(client: ApiClient, key: ObjectKey): Promise<boolean> {
  return (await getIfThere(client, INFERENCE_SERVICES, splitKey(key))) === undefined;
}
