import type { Clock, Random } from '../core/clock.ts';
import type { InferenceService } from '../core/inference-service.ts';
import type { ConfigMap, KubernetesObject, Secret, ServiceAccount } from '../core/kubernetes.ts';
import type { Logger } from '../core/log.ts';
import { MODEL_CONFIG_LABEL, SYSTEM_CONFIG } from '../core/names.ts';
import { keyOfTrainedModel, keysOfConfigMap } from '../core/reconcile-keys.ts';
import { readTrainedModel } from '../core/trained-model.ts';
import type { TrainedModel } from '../core/trained-model.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { createIndex } from '../kube/object-index.ts';
import type { ObjectIndex } from '../kube/object-index.ts';
import { createSums } from '../kube/object-sums.ts';
import type { ObjectSums, Share } from '../kube/object-sums.ts';
import { startReflector } from '../kube/reflector.ts';
import type { Delta, Reflector, ReflectorOptions } from '../kube/reflector.ts';
import type { ReflectorEvent } from '../kube/reflector-loop.ts';
import type { Syncing } from '../kube/wait-for-sync.ts';
import {
  CONFIG_MAPS,
  INFERENCE_SERVICES,
  SECRETS,
  SERVICE_ACCOUNTS,
  TRAINED_MODELS,
} from '../kube/resources.ts';

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
  /** The webhook's own; only that it changes is of interest. */
  readonly certificate: Reflector<Secret>;
}

/** Who is told of changes. */
export interface ClusterListeners {
  readonly inferenceService: (delta: Delta<InferenceService>) => void;
  readonly trainedModel: (delta: Delta<TrainedModel>) => void;
  readonly modelConfig: (delta: Delta<ConfigMap>) => void;
  readonly systemConfig: (delta: Delta<ConfigMap>) => void;
  readonly certificate: (delta: Delta<Secret>) => void;
}

export interface ClusterViewOptions {
  readonly client: ApiClient;
  readonly certificateSecret: { readonly namespace: string; readonly name: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (resource: string, event: ReflectorEvent) => void;
  readonly listeners: ClusterListeners;
}

/** Starts every watch of the manager; see {@link ClusterView}. */
export function watchCluster(options: ClusterViewOptions): ClusterView {
  const { listeners, observe, certificateSecret, ...shared } = options;
  const base = (plural: string): typeof shared & Pick<ReflectorOptions<never>, 'observe'> => ({
    ...shared,
    observe: (event) => observe(plural, event),
  });
  const trainedModelsByKey = createIndex<TrainedModel>(keyOfTrainedModel);
  const memoryByKey = createSums<TrainedModel>(memoryShareOf);
  // A ConfigMap is looked for under the InferenceService of its name; an owner that differs is found by its own name.
  const modelConfigsByKey = createIndex<ConfigMap>((configMap) => keysOfConfigMap(configMap)[0]);
  return {
    trainedModelsByKey,
    memoryByKey,
    modelConfigsByKey,
    inferenceServices: startReflector({
      ...base('inferenceservices'),
      resource: INFERENCE_SERVICES,
      onDelta: listeners.inferenceService,
      project: withoutStatus,
    }),
    trainedModels: startReflector({
      ...base('trainedmodels'),
      resource: TRAINED_MODELS,
      onDelta: listeners.trainedModel,
      indexes: [trainedModelsByKey, memoryByKey],
      project: withoutStatus,
    }),
    modelConfigs: startReflector({
      ...base('configmaps'),
      resource: CONFIG_MAPS,
      labelSelector: `${MODEL_CONFIG_LABEL}=true`,
      onDelta: listeners.modelConfig,
      indexes: [modelConfigsByKey],
    }),
    serviceAccounts: startReflector({
      ...base('serviceaccounts'),
      resource: SERVICE_ACCOUNTS,
      project: onlySecretNames,
    }),
    systemConfig: startReflector({
      ...base('inferenceservice-config'),
      resource: CONFIG_MAPS,
      namespace: SYSTEM_CONFIG.namespace,
      fieldSelector: `metadata.name=${SYSTEM_CONFIG.name}`,
      onDelta: listeners.systemConfig,
    }),
    certificate: startReflector({
      ...base('webhook-certificate'),
      resource: SECRETS,
      namespace: certificateSecret.namespace,
      fieldSelector: `metadata.name=${certificateSecret.name}`,
      onDelta: listeners.certificate,
      project: withoutData,
    }),
  };
}

/** What is needed of every reflector, whatever it holds: to wait for it and to stop it. */
export type AnyReflector = Syncing & Pick<Reflector<KubernetesObject>, 'stop'>;

/** All of them; each must be synced before anything is decided. */
export function reflectorsOf(view: ClusterView): readonly AnyReflector[] {
  const { inferenceServices, trainedModels, modelConfigs, serviceAccounts, systemConfig, certificate } = view;
  return [inferenceServices, trainedModels, modelConfigs, serviceAccounts, systemConfig, certificate];
}

/** What is not there yet, and why; undefined when every cache is complete. */
export function missingFrom(view: ClusterView): string | undefined {
  const missing = reflectorsOf(view).filter(({ cache }) => !cache.synced);
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

/** Status is written often and decides nothing here. */
function withoutStatus<T extends object>(object: T): T {
  delete (object as { status?: unknown }).status;
  return object;
}

/** A private key has no business in a cache. */
function withoutData({ metadata }: Secret): Secret {
  return { metadata };
}

/** Of the many service accounts of a cluster only the names of their Secrets are kept. */
function onlySecretNames(account: ServiceAccount): ServiceAccount {
  const { name, namespace = '', uid = '', resourceVersion = '' } = account.metadata;
  return { metadata: { name, namespace, uid, resourceVersion }, secrets: account.secrets ?? [] };
}
