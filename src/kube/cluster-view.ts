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

/** Pods are cached as what is kept of them. */
const WATCHED_PODS = PODS as Resource as Resource<WatchedPod>;

/** Each watch, and what its metrics call it. */
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

/** All that the manager knows of the cluster: one watch a kind, shared by webhook and reconciler. */
export interface ClusterView {
  readonly inferenceServices: Reflector<InferenceService>;
  readonly trainedModels: Reflector<TrainedModel>;
  /** By the InferenceService they name, as its reconcile key. */
  readonly trainedModelsByKey: ObjectIndex<TrainedModel>;
  /** The bytes they ask for together, by the same key; those that cannot be read ask for none. */
  readonly memoryByKey: ObjectSums<TrainedModel>;
  /** Only those with our label: no cluster-wide cache of ConfigMaps. */
  readonly modelConfigs: Reflector<ConfigMap>;
  readonly modelConfigsByKey: ObjectIndex<ConfigMap>;
  readonly serviceAccounts: Reflector<ServiceAccount>;
  /** KServe's `inferenceservice-config`, if there is one. */
  readonly systemConfig: Reflector<ConfigMap>;
  /** Pods of InferenceServices, whoever created them; no decision for pods or ConfigMaps waits for them. */
  readonly pods: Reflector<WatchedPod>;
  /** By the InferenceService that they belong to, as its reconcile key. */
  readonly podsByKey: ObjectIndex<WatchedPod>;
  /** The webhook's own; only that it changes is of interest. */
  readonly certificate: Reflector<Secret>;
}

interface ClusterViewOptions {
  readonly client: ApiClient;
  readonly certificateSecret: { readonly namespace: string; readonly name: string };
  /** Whether pods are made of InferenceServices here, so that all of them is needed. */
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
  // A ConfigMap is looked for under the InferenceService of its name; an owner that differs is found by its own name.
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

/** What decisions take into account beside it. */
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

/** What every watch is given. */
function shared(
  name: WatchName,
  { client, clock, random, logger, observe }: ClusterViewOptions,
): Pick<ReflectorOptions<never>, 'client' | 'clock' | 'random' | 'logger' | 'observe'> {
  return { client, clock, random, logger, observe: (event) => observe(WATCHES[name], event) };
}

/** What is needed of every reflector, whatever it holds: to wait for it and to stop it. */
export type AnyReflector = Syncing & Pick<Reflector<KubernetesObject>, 'stop' | 'cache' | 'heardAt'>;

/** All of them, by what their metrics call them. */
export function reflectorsOf(view: ClusterView): ReadonlyMap<string, AnyReflector> {
  const names = Object.keys(WATCHES) as WatchName[];
  return new Map(names.map((name): [string, AnyReflector] => [WATCHES[name], view[name]]));
}

/** Those that decide upon pods and ConfigMaps; each must be synced before anything is decided. */
export function decisiveReflectors(view: ClusterView): readonly AnyReflector[] {
  return [...reflectorsOf(view).values()].filter((reflector) => reflector !== view.pods);
}

/** What is not there yet, and why; undefined when everything is known that decisions need. */
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
