import { seconds } from '../lib/clock.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import type { ConfigMap, KubernetesObject } from '../contract/kubernetes.ts';
import { INFERENCE_SERVICE_LABEL, MODEL_CONFIG_LABEL } from '../contract/names.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { listAll } from '../kube/list-all.ts';
import {
  CONFIG_MAPS,
  INFERENCE_SERVICES,
  PODS,
  TRAINED_MODELS,
  type CustomObject,
  type Resource,
} from '../kube/resources.ts';

const PAGE_SIZE = 500;
const PAGE_TIMEOUT = seconds(30);

/** What a command looks at: each kind as of one moment, as the API server has it. */
export interface ClusterSnapshot {
  readonly inferenceServices: readonly InferenceService[];
  readonly trainedModels: readonly TrainedModel[];
  /** Those of predictors, injected or not. */
  readonly pods: readonly CustomObject[];
  readonly modelConfigs: readonly ConfigMap[];
}

/**
 * Reads what multi-model serving is made of, in one namespace or, with undefined, in all of them.
 *
 * @throws {ApiError} when one of the kinds cannot be listed
 */
export async function readSnapshot(client: ApiClient, scope: string | undefined): Promise<ClusterSnapshot> {
  const [inferenceServices, trainedModels, pods, modelConfigs] = await Promise.all([
    listObjects(client, INFERENCE_SERVICES, scope),
    listObjects(client, TRAINED_MODELS, scope),
    listObjects(client, PODS, scope, INFERENCE_SERVICE_LABEL),
    listObjects(client, CONFIG_MAPS, scope, MODEL_CONFIG_LABEL),
  ]);
  return { inferenceServices, trainedModels, pods, modelConfigs };
}

/** Every object of a kind, in one namespace or, with undefined, in all of them. */
export async function listObjects<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  scope: string | undefined,
  labelSelector?: string,
): Promise<readonly T[]> {
  const { objects } = await listAll({
    client,
    resource,
    query: {
      ...(scope !== undefined && { namespace: scope }),
      ...(labelSelector !== undefined && { labelSelector }),
    },
    pageSize: PAGE_SIZE,
    timeout: PAGE_TIMEOUT,
    signal: new AbortController().signal,
    shape: (object) => object,
  });
  return objects;
}
