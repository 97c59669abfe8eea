import type { Clock, Random } from '../lib/clock.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import type { ConfigMap, KubernetesObject, Secret, ServiceAccount } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import { INFERENCE_SERVICE_LABEL, MODEL_CONFIG_LABEL, SYSTEM_CONFIG } from '../contract/names.ts';
import { storageAccount } from '../contract/credential-lookup.ts';
import { keyOfTrainedModel, keysOfConfigMap } from '../contract/reconcile-keys.ts';
import { readTrainedModel } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { keyOfWatchedPod, watchedPod } from '../contract/watched-pod.ts';
import type { WatchedPod } from '../contract/watched-pod.ts';
import type { ApiClient } from './api-client.ts';
import { createIndex } from './object-index.ts';
import type { ObjectIndex } from './object-index.ts';
import { createSums } from './object-sums.ts';
import type { ObjectSums, Share } from './object-sums.ts';
import { keptInferenceService, withoutLastApplied } from './inference-service-projection.ts';
import { startReflector } from './reflector.ts';
import type { Reflector, ReflectorOptions } from './reflector.ts';
import type { ReflectorEvent } from './reflector-types.ts';
import type { Syncing } from './wait-for-sync.ts';
import {
  CONFIG_MAPS,
  INFERENCE_SERVICES,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
  TRAINED_MODELS,
} from './resources.ts';
import type { Resource } from './resources.ts';
import { createTrainedModelProjection } from './trained-model-projection.ts';

/** Pods are cached in a reduced form. */
const WATCHED_PODS = PODS as Resource as Resource<WatchedPod>;

/** Each watch, by its name in the metrics. */
const WATCHES = {
  inferenceServices: 'inferenceservices',
  trainedModels: 'trainedmodels',
  modelConfigs: 'configmaps',
  pods: 'pods',
  serviceAccounts: 'serviceaccounts',
  systemConfig: 'inferenceservice-config',
  certificate: 'webhook-certificate',
} as const;
type WatchName = keyof typeof WATCHES;

/** The manager's view of the cluster: one watch a kind, shared by webhook and reconciler. */
export interface ClusterView {
  readonly inferenceServices: Reflector<InferenceService>;
  readonly trainedModels: Reflector<TrainedModel>;
  /** By the InferenceService they name, as its reconcile key. */
  readonly trainedModelsByKey: ObjectIndex<TrainedModel>;
  /** The sum of the bytes they request, by the same key. An unreadable quantity counts as 0. */
  readonly memoryByKey: ObjectSums<TrainedModel>;
  /** Only those with our label: no cluster-wide cache of ConfigMaps. */
  readonly modelConfigs: Reflector<ConfigMap>;
  readonly modelConfigsByKey: ObjectIndex<ConfigMap>;
  readonly serviceAccounts: Reflector<ServiceAccount>;
  /** KServe's `inferenceservice-config`, if there is one. */
  readonly systemConfig: Reflector<ConfigMap>;
  /** Pods of InferenceServices, regardless of their creator. No decision on pods or ConfigMaps waits for this cache. */
  readonly pods: Reflector<WatchedPod>;
  /** By the InferenceService that they belong to, as its reconcile key. */
  readonly podsByKey: ObjectIndex<WatchedPod>;
  /** The webhook's own configuration. Only the fact that it changes matters. */
  readonly certificate: Reflector<Secret>;
}

interface ClusterViewOptions {
  readonly client: ApiClient;
  readonly certificateSecret: { readonly namespace: string; readonly name: string };
  /** Whether this process makes pods of InferenceServices, and so needs all of their fields. */
  readonly makesPods: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (resource: string, event: ReflectorEvent) => void;
}

/** Starts every watch of the manager; see {@link ClusterView}. */
export function watchCluster(options: ClusterViewOptions): ClusterView {
  return { ...watchServing(options), ...watchSettings(options) };
}

type Settings = 'serviceAccounts' | 'systemConfig' | 'certificate';

/** What is served, and where. */
function watchServing(options: ClusterViewOptions): Omit<ClusterView, Settings> {
  const trainedModelsByKey = createIndex<TrainedModel>(keyOfTrainedModel);
  const memoryByKey = createSums<TrainedModel>(memoryShareOf);
  // A ConfigMap is indexed under the InferenceService of its name. A different owner is found by its own name.
  const modelConfigsByKey = createIndex<ConfigMap>((configMap) => keysOfConfigMap(configMap)[0]);
  const podsByKey = createIndex<WatchedPod>(keyOfWatchedPod);
  return {
    trainedModelsByKey,
    memoryByKey,
    modelConfigsByKey,
    podsByKey,
    inferenceServices: startReflector({
      ...shared('inferenceServices', options),
      resource: INFERENCE_SERVICES,
      project: options.makesPods ? withoutLastApplied : keptInferenceService,
    }),
    trainedModels: startReflector({
      ...shared('trainedModels', options),
      resource: TRAINED_MODELS,
      indexes: [trainedModelsByKey, memoryByKey],
      project: createTrainedModelProjection(),
    }),
    modelConfigs: startReflector({
      ...shared('modelConfigs', options),
      resource: CONFIG_MAPS,
      labelSelector: `${MODEL_CONFIG_LABEL}=true`,
      indexes: [modelConfigsByKey],
    }),
    pods: startReflector({
      ...shared('pods', options),
      resource: WATCHED_PODS,
      labelSelector: INFERENCE_SERVICE_LABEL,
      indexes: [podsByKey],
      project: watchedPod,
    }),
  };
}

/** Further inputs of decisions. */
function watchSettings(options: ClusterViewOptions): Pick<ClusterView, Settings> {
  const { certificateSecret } = options;
  return {
    serviceAccounts: startReflector({
      ...shared('serviceAccounts', options),
      resource: SERVICE_ACCOUNTS,
      project: storageAccount,
    }),
    systemConfig: startReflector({
      ...shared('systemConfig', options),
      resource: CONFIG_MAPS,
      namespace: SYSTEM_CONFIG.namespace,
      fieldSelector: `metadata.name=${SYSTEM_CONFIG.name}`,
    }),
    certificate: startReflector({
      ...shared('certificate', options),
      resource: SECRETS,
      namespace: certificateSecret.namespace,
      fieldSelector: `metadata.name=${certificateSecret.name}`,
      project: withoutData,
    }),
  };
}

/** The options of every watch. */
function shared(
  name: WatchName,
  { client, clock, random, logger, observe }: ClusterViewOptions,
): Pick<ReflectorOptions<never>, 'client' | 'clock' | 'random' | 'logger' | 'observe'> {
  return { client, clock, random, logger, observe: (event) => observe(WATCHES[name], event) };
}

/** What waiting and stopping need of a reflector, whatever it holds. */
export type AnyReflector = Syncing & Pick<Reflector<KubernetesObject>, 'stop' | 'cache' | 'heardAt'>;

/** All of them, by their names in the metrics. */
export function reflectorsOf(view: ClusterView): ReadonlyMap<string, AnyReflector> {
  const names = Object.keys(WATCHES) as WatchName[];
  return new Map(names.map((name): [string, AnyReflector] => [WATCHES[name], view[name]]));
}

/** The caches for decisions on pods and ConfigMaps. All must be synced before the first decision. */
export function decisiveReflectors(view: ClusterView): readonly AnyReflector[] {
  return [...reflectorsOf(view).values()].filter((reflector) => reflector !== view.pods);
}

/** The caches that are not synced yet, and why. Undefined if everything that decisions need is known. */
export function missingFrom(needed: readonly AnyReflector[]): string | undefined {
  const missing = needed.filter(({ cache }) => !cache.synced);
  if (missing.length === 0) return undefined;
  const each = missing.map(
    ({ resource, lastError }) => `${resource.plural} (${lastError?.message ?? 'still listing'})`,
  );
  return `waiting for the first list of ${each.join('; ')}`;
}

function memoryShareOf(model: TrainedModel): Share | undefined {
  const group = keyOfTrainedModel(model);
  const reading = readTrainedModel(model);
  if (group === undefined || reading.kind !== 'usable' || model.metadata.deletionTimestamp !== undefined)
    return undefined;
  return { group, amount: reading.memory };
}

/** Private keys are not cached. */
function withoutData({ metadata }: Secret): Secret {
  return { metadata };
}
