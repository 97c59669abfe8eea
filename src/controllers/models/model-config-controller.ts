import type { Clock, Milliseconds } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { TakeoverInput } from '../../contract/kserve-controller.ts';
import type { ConfigMap, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf, splitKey } from '../../contract/kubernetes.ts';
import type { KServeMode } from '../../contract/kserve-controller.ts';
import type { Logger } from '../../lib/log.ts';
import { precedenceIn } from '../../contract/model-config-plan.ts';
import type { ModelConfigPlan } from '../../contract/model-config-plan.ts';
import { differsInStatusOnly, keyOfTrainedModel, keysOfConfigMap } from '../../contract/reconcile-keys.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import type { Delta } from '../../kube/reflector.ts';
import { INFERENCE_SERVICES } from '../../kube/resources.ts';
import { createConfigMapWriter } from './config-map-writer.ts';
import type { ConfigMapWrite } from './config-map-writer.ts';
import { createOwnWrites } from '../own-writes.ts';
import { reconcileModelConfig } from './reconcile-model-config.ts';
import { takeOver } from '../takeover/take-over.ts';
import type { ModelConfigWorld } from './reconcile-model-config.ts';
import type { ClusterListeners, ClusterView } from '../../kube/cluster-view.ts';

/** The reconciler, wired to the watches and to a queue that the leader alone works off. */
export interface ModelConfigController {
  readonly listeners: Pick<ClusterListeners, 'inferenceService' | 'trainedModel' | 'modelConfig'>;
  /** Every key that could need a look; for a new leader, which has heard of no change yet. */
  allKeys(view: ClusterView): ReadonlySet<ObjectKey>;
  /** One key, from the state as it is now. */
  reconcile(key: ObjectKey, view: ClusterView): Promise<void>;
}

export interface ModelConfigControllerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each key that a change touches. */
  readonly enqueue: (key: ObjectKey) => void;
  readonly observe: (key: ObjectKey, plan: ModelConfigPlan) => void;
  /** In takeover, KServe's finalizers and labels are this manager's to keep. */
  readonly kserve: KServeMode;
  readonly observeWrite: (write: ConfigMapWrite) => void;
  readonly observeLag: (lag: Milliseconds) => void;
}

export function createModelConfigController(options: ModelConfigControllerOptions): ModelConfigController {
  const { client, clock, logger, enqueue, observe, kserve } = options;
  const takeover = kserve === 'takeover';
  const ownWrites = createOwnWrites(clock, options.observeLag);
  const writer = createConfigMapWriter(client, ownWrites, options.observeWrite);

  function worldOf(view: ClusterView): ModelConfigWorld {
    return {
      inferenceService: (key) => view.inferenceServices.cache.get(key),
      trainedModels: (key) => [...view.trainedModelsByKey.group(key)],
      configMaps: (key) => configMapsOf(key, view),
      isInferenceServiceGone: (key) => isGone(client, key),
    };
  }

  function configMapsOf(key: ObjectKey, view: ClusterView): ConfigMap[] {
    const cached = new Map(
      [...view.modelConfigsByKey.group(key)].map((configMap) => [keyOf(configMap), configMap]),
    );
    for (const configMap of ownWrites.unseen()) {
      if (!cached.has(keyOf(configMap)) && keysOfConfigMap(configMap).includes(key))
        cached.set(keyOf(configMap), configMap);
    }
    return [...cached.values()].map((configMap) => ownWrites.newest(configMap));
  }

  return {
    listeners: {
      inferenceService: (delta) => enqueueEach(objectsOf(delta).map((object) => keyOf(object))),
      // Both the one it names now and the one it named before: a model that moves leaves the old one.
      trainedModel: (delta) => {
        if (delta.type === 'updated' && differsInStatusOnly(delta.object, delta.previous)) return;
        enqueueEach(objectsOf(delta).map(keyOfTrainedModel));
      },
      modelConfig: (delta) => {
        if (delta.type === 'deleted') ownWrites.forget(delta.object);
        // What a decision of ours wrote asks for no other decision.
        else if (delta.type !== 'synced' && ownWrites.seen(delta.object)) return;
        enqueueEach(objectsOf(delta).flatMap(keysOfConfigMap));
      },
    },
    allKeys: (view) =>
      new Set([
        ...[...view.inferenceServices.cache.list()].map((object) => keyOf(object)),
        ...[...view.modelConfigs.cache.list()].flatMap(keysOfConfigMap),
        // Of no InferenceService, and yet with KServe's finalizer.
        ...(takeover
          ? [...view.trainedModels.cache.list()].flatMap((model) => keyOfTrainedModel(model) ?? [])
          : []),
      ]),
    async reconcile(key, view) {
      const world = worldOf(view);
      const first = precedenceIn(kserve);
      const plan = await reconcileModelConfig(key, { world, writer, logger, first, observe });
      // After models.json: a model that is let go of is in it no more.
      if (takeover && (await takeOver(key, takeoverInput(key, world, plan), { client, logger })))
        enqueue(key);
    },
  };

  function enqueueEach(keys: readonly (ObjectKey | undefined)[]): void {
    for (const key of keys) if (key !== undefined) enqueue(key);
  }
}

function takeoverInput(
  key: ObjectKey,
  world: ModelConfigWorld,
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
