import { recordOf, recordsIn } from '../../../lib/json.ts';
import type { EndpointSlice } from '../../../contract/endpoint-slice.ts';
import { readyEndpoints } from '../../../contract/endpoint-slice.ts';
import type { InferenceService } from '../../../contract/inference-service.ts';
import { isMMSPredictor } from '../../../contract/mms-predictor.ts';
import { isAtHand } from '../../../contract/model-loaded.ts';
import type { KubernetesObject } from '../../../contract/kubernetes.ts';
import {
  AUTOSCALER_CLASS_ANNOTATION,
  FOLD_ANNOTATIONS,
  LEAVING_LABEL,
  predictorName,
  REPLACES_LABEL,
} from '../../../contract/names.ts';
import type { Deployment } from '../../../contract/predictor-outcome.ts';
import { isReplacement, replacedService } from '../../../contract/replacement.ts';
import { inferenceServiceOf } from '../../../contract/trained-model.ts';
import type { TrainedModel } from '../../../contract/trained-model.ts';
import { loadProgress } from '../../load/model-load.decide.ts';
import { modelOverview } from '../../status/model-overview.decide.ts';
import type { ModelState, MoveState } from './steps.decide.ts';

/** The objects of one namespace that moves read or change, by name. */
export interface MoveObjects {
  readonly services: ReadonlyMap<string, InferenceService>;
  readonly models: ReadonlyMap<string, TrainedModel>;
  readonly deployments: ReadonlyMap<string, Deployment>;
  /** Our slices. */
  readonly slices: readonly EndpointSlice[];
  /** Pods that were removed from their Services. */
  readonly leaving: readonly KubernetesObject[];
}

export function byName<T extends KubernetesObject>(objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [object.metadata.name, object]));
}

/** KServe's own autoscaler ignores a Deployment of zero pods, as every HorizontalPodAutoscaler does. */
const USUAL_AUTOSCALER = 'hpa';

/** The state of an InferenceService's move. */
export function moveState(name: string, shared: string, objects: MoveObjects): MoveState {
  const { services, models, deployments } = objects;
  const service = services.get(name);
  const sharedService = services.get(shared);
  const slices = objects.slices.filter(({ metadata }) => metadata.labels?.[REPLACES_LABEL] === name);
  const autoscaler = service?.metadata.annotations?.[AUTOSCALER_CLASS_ANNOTATION] ?? USUAL_AUTOSCALER;
  const model = models.get(name);
  return {
    name,
    shared: {
      name: shared,
      exists: sharedService !== undefined && sharedService.metadata.deletionTimestamp === undefined,
      deleting: sharedService?.metadata.deletionTimestamp !== undefined,
      ready: isReady(sharedService),
      made: sharedService?.metadata.annotations?.[FOLD_ANNOTATIONS.foldedFrom] !== undefined,
      models: [...models.values()].filter((one) => inferenceServiceOf(one) === shared).length,
    },
    model: model && modelState(model),
    slices: slices.length,
    endpoints: readyEndpoints(slices),
    leaving: objects.leaving.filter(({ metadata }) => metadata.labels?.[LEAVING_LABEL] === name).length,
    old: {
      exists: service !== undefined && service.metadata.deletionTimestamp === undefined,
      multiModel: service !== undefined && isMMSPredictor(service.spec?.predictor).isMms,
      deployment: deploymentState(deployments.get(predictorName(name))),
      autoscaler:
        autoscaler === USUAL_AUTOSCALER ? undefined : `${AUTOSCALER_CLASS_ANNOTATION}: ${autoscaler}`,
    },
  };
}

function modelState(model: TrainedModel): ModelState {
  const { annotations = {}, deletionTimestamp } = model.metadata;
  const before = Number(annotations[FOLD_ANNOTATIONS.replicasBefore]);
  return {
    inferenceService: inferenceServiceOf(model),
    deleting: deletionTimestamp !== undefined,
    load: loadState(model),
    replacing: replacedService(model) !== undefined ? 'yes' : isReplacement(model) ? 'ended' : 'no',
    made: annotations[FOLD_ANNOTATIONS.foldedFrom] !== undefined,
    replicasBefore: Number.isInteger(before) && before > 0 ? before : undefined,
  };
}

/** Beside KServe's controller `Ready` is KServe's and may be outdated, so the agents' reports come first. */
function loadState(model: TrainedModel): ModelState['load'] {
  const around = { inferenceService: undefined, waiting: undefined, readyPods: 0 };
  const { phase } = modelOverview(model, around);
  return isAtHand(phase) ? { state: 'ready', line: phase } : loadProgress(model);
}

function isReady(service: InferenceService | undefined): boolean {
  return recordsIn(service?.status?.conditions).some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  );
}

/** Its status counts once it describes the current spec. */
function deploymentState(deployment: Deployment | undefined): MoveState['old']['deployment'] {
  if (deployment === undefined) return undefined;
  const { spec, status = {}, metadata } = deployment;
  const isCurrent = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const pods = status.replicas ?? 0;
  return {
    replicas: spec?.replicas ?? 1,
    ready: isCurrent ? (status.readyReplicas ?? 0) : 0,
    pods: isCurrent ? pods : Math.max(pods, 1),
  };
}

/** The InferenceService that was made for an InferenceService of this name. The TrainedModel may not exist yet. */
export function madeFor(name: string, services: Iterable<InferenceService>): string | undefined {
  for (const { metadata } of services) {
    const names = metadata.annotations?.[FOLD_ANNOTATIONS.foldedFrom]?.split(',') ?? [];
    if (names.includes(name) && metadata.deletionTimestamp === undefined) return metadata.name;
  }
  return undefined;
}

/** The manifest of an object, annotated with the InferenceServices it was made from. */
export function marked(manifest: KubernetesObject, names: readonly string[]): KubernetesObject {
  const annotations = {
    ...manifest.metadata.annotations,
    [FOLD_ANNOTATIONS.foldedFrom]: [...names].sort().join(','),
  };
  return { ...recordOf(manifest), metadata: { ...manifest.metadata, annotations } };
}
