import type { ConfigMap, KubernetesObject } from '../../src/contract/kubernetes.ts';
import { decodeModelConfig } from '../../src/contract/model-config.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, TRAINED_MODELS } from '../../src/kube/resources.ts';

/** An InferenceService that is multi-model by default. */
export function inferenceService(
  name: string,
  predictor: object = { sklearn: {} },
  namespace = 'default',
): KubernetesObject {
  return { metadata: { name, namespace }, spec: { predictor } } as KubernetesObject;
}

export function trainedModel(
  name: string,
  owner: string,
  model: { storageUri?: string; framework?: string; memory?: string } = {},
  namespace = 'default',
): KubernetesObject {
  const { storageUri = `s3://bucket/${name}`, framework = 'sklearn', memory = '1Mi' } = model;
  return {
    metadata: { name, namespace },
    spec: { inferenceService: owner, model: { storageUri, framework, memory } },
  } as KubernetesObject;
}

export const createService = (client: ApiClient, object: KubernetesObject): Promise<unknown> =>
  client.create(INFERENCE_SERVICES, object);

export const createModel = (client: ApiClient, object: KubernetesObject): Promise<unknown> =>
  client.create(TRAINED_MODELS, object);

/** The ConfigMap, or undefined. */
export function readConfigMap(
  client: ApiClient,
  name: string,
  namespace = 'default',
): Promise<ConfigMap | undefined> {
  return getIfThere(client, CONFIG_MAPS, { namespace, name });
}

/** The model names in models.json of shard 0, sorted; undefined when there is no ConfigMap. */
export async function modelNames(
  client: ApiClient,
  service: string,
  namespace = 'default',
): Promise<string[] | undefined> {
  const configMap = await readConfigMap(client, `modelconfig-${service}-0`, namespace);
  if (configMap === undefined) return undefined;
  const { models, faults } = decodeModelConfig(configMap.data?.['models.json'] ?? '');
  if (faults.length > 0) throw new Error(`models.json is damaged: ${JSON.stringify(faults)}`);
  return models.map(({ modelName }) => modelName).sort();
}
