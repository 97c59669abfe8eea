import { compareText } from '../../lib/compare-text.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { ConfigMap, KubernetesObject, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf, objectKey, splitKey } from '../../contract/kubernetes.ts';
import type { WaitingModel } from '../../contract/model-config-plan.ts';
import { isAtHand } from '../../contract/model-loaded.ts';
import { planModelConfig } from '../../contract/model-config-plan.ts';
import { modelsCapacityOf, namesPlaced, ownerNameOf } from '../../contract/model-config-map.ts';
import { modelOverview } from './model-overview.decide.ts';
import type { ModelOverview } from './model-overview.decide.ts';
import { describeMmsDecision } from '../../contract/mms-predictor.ts';
import { COMPONENT_LABEL, PREDICTOR_COMPONENT } from '../../contract/names.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { bytes } from '../../lib/quantity.ts';
import { readinessOf, serviceTrouble, troubleText } from '../../explanation/service-standing.decide.ts';
import { readResidency } from '../../contract/residency.ts';
import { isServiceReady } from '../../contract/trained-model-status.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { isFinished, keyOfWatchedPod, watchedPod } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';

/** The objects that multi-model serving is made of. */
export interface ServingObjects {
  readonly inferenceServices: readonly InferenceService[];
  readonly trainedModels: readonly TrainedModel[];
  /** As the API server sends them. */
  readonly pods: readonly KubernetesObject[];
  readonly modelConfigs: readonly ConfigMap[];
}

/** One InferenceService, or one that TrainedModels name and that is not there. */
export interface ServiceOverview {
  readonly namespace: string;
  readonly name: string;
  readonly found: boolean;
  readonly multiModel: boolean;
  /** Why it is multi-model or is not, in words. */
  readonly why: string;
  readonly ready: boolean;
  /** Its condition Ready; undefined where its status has none. */
  readonly readyCondition: 'True' | 'False' | 'Unknown' | undefined;
  /** Why it is not ready, as its conditions have it; empty when it is, or they give no reason. */
  readonly notReady: string;
  /** Pods of its predictor that are not about to end. */
  readonly replicas: { readonly ready: number; readonly total: number };
  readonly models: {
    readonly total: number;
    readonly loaded: number;
    readonly failed: number;
    /** Those of the loaded that sleep; present only where models may sleep. */
    readonly standby?: number;
  };
  /** What the models in models.json declare together, all of its models, and what the predictor may use. */
  readonly memory: { readonly used: Bytes; readonly declared: Bytes; readonly limit: Bytes | undefined };
  /** RFC 3339. */
  readonly created: string | undefined;
}

export interface ClusterOverview {
  readonly inferenceServices: readonly ServiceOverview[];
  readonly models: readonly ModelOverview[];
}

interface Group {
  service: InferenceService | undefined;
  readonly models: TrainedModel[];
  readonly pods: WatchedPod[];
  readonly configMaps: ConfigMap[];
}

/** Everything by InferenceService and by model, in order of namespace and name. */
export function clusterOverview(objects: ServingObjects): ClusterOverview {
  const overviews = [...grouped(objects)].map(([key, group]) => overviewOf(key, group));
  const strays = objects.trainedModels
    .filter((model) => inferenceServiceOf(model) === undefined)
    .map((model) => modelOverview(model, { inferenceService: undefined, waiting: NAMES_NONE, readyPods: 0 }));
  return {
    inferenceServices: overviews.map(({ service }) => service).sort(byName),
    models: [...overviews.flatMap(({ models }) => models), ...strays].sort(byName),
  };
}

const NAMES_NONE: WaitingModel = {
  name: '',
  reason: 'InvalidSpec',
  message: 'spec.inferenceService is missing or of the wrong type',
};

function grouped(objects: ServingObjects): Map<ObjectKey, Group> {
  const groups = new Map<ObjectKey, Group>();
  const groupOf = (key: ObjectKey): Group => {
    const group = groups.get(key) ?? { service: undefined, models: [], pods: [], configMaps: [] };
    groups.set(key, group);
    return group;
  };
  for (const service of objects.inferenceServices) groupOf(keyOf(service)).service = service;
  for (const model of objects.trainedModels) {
    const owner = inferenceServiceOf(model);
    if (owner !== undefined) groupOf(objectKey(model.metadata.namespace ?? '', owner)).models.push(model);
  }
  for (const raw of objects.pods) {
    const pod = watchedPod(raw);
    const key = keyOfWatchedPod(pod);
    const component = raw.metadata.labels?.[COMPONENT_LABEL] ?? PREDICTOR_COMPONENT;
    if (key === undefined || component !== PREDICTOR_COMPONENT || isFinished(pod)) continue;
    // A pod that outlives its InferenceService says nothing about any.
    groups.get(key)?.pods.push(pod);
  }
  for (const configMap of objects.modelConfigs) {
    const owner = ownerNameOf(configMap);
    if (owner === undefined) continue;
    groups.get(objectKey(configMap.metadata.namespace ?? '', owner))?.configMaps.push(configMap);
  }
  return groups;
}

function overviewOf(
  key: ObjectKey,
  { service, models, pods, configMaps }: Group,
): { service: ServiceOverview; models: ModelOverview[] } {
  const plan = planModelConfig({
    inferenceService: service,
    trainedModels: models,
    placed: namesPlaced(configMaps),
    first: 'placed',
    capacity: modelsCapacityOf(configMaps[0]),
  });
  const waiting = new Map(plan.waiting.map((model) => [model.name, model]));
  const readyPods = pods.filter(({ ready }) => ready).length;
  const overviews = models.map((model) =>
    modelOverview(model, {
      inferenceService: service,
      waiting: waiting.get(model.metadata.name),
      readyPods,
    }),
  );
  const { namespace, name } = splitKey(key);
  return {
    models: overviews,
    service: {
      namespace,
      name,
      found: service !== undefined,
      multiModel: plan.mms?.isMms === true,
      why: plan.mms === undefined ? 'there is no such InferenceService' : describeMmsDecision(plan.mms),
      ready: service !== undefined && isServiceReady(service, readyPods > 0),
      readyCondition: service && readinessOf(service),
      notReady: notReadyText(service),
      replicas: { ready: readyPods, total: pods.length },
      models: {
        total: overviews.length,
        loaded: overviews.filter(({ phase }) => isAtHand(phase)).length,
        failed: overviews.filter(({ phase }) => phase === 'Failed').length,
        ...standbyIn(overviews, service),
      },
      memory: { ...plan.memory, declared: declaredBy(overviews) },
      created: service?.metadata.creationTimestamp,
    },
  };
}

function standbyIn(
  models: readonly ModelOverview[],
  service: InferenceService | undefined,
): { readonly standby?: number } {
  if (readResidency(service?.metadata.annotations).kind === 'always') return {};
  return { standby: models.filter(({ phase }) => phase === 'Standby').length };
}

function notReadyText(service: InferenceService | undefined): string {
  const trouble = service === undefined ? undefined : serviceTrouble(service);
  return trouble === undefined ? '' : troubleText(trouble);
}

function declaredBy(models: readonly ModelOverview[]): Bytes {
  return models.reduce((sum, { memory = bytes(0) }) => bytes(sum + memory), bytes(0));
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

function byName(a: Named, b: Named): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}
