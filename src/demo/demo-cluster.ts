import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { seconds } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { MmsError } from '../core/errors.ts';
import type { ConfigMap, KubernetesObject } from '../core/kubernetes.ts';
import { decodeModelConfig } from '../core/model-config.ts';
import { modelConfigName, MODELS_JSON } from '../core/names.ts';
import type { Pod } from '../core/pod.ts';
import type { TrainedModel } from '../core/trained-model.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, NAMESPACES, PODS, TRAINED_MODELS } from '../kube/resources.ts';

/** The examples of this package; the same path from src/demo and from dist/demo. */
const EXAMPLES = fileURLToPath(new URL('../../manifests/examples', import.meta.url));
export const NAMESPACE = 'mms-example';
export const INFERENCE_SERVICE = 'flowers';

/** Something the demo promises did not come about in time. */
export class DemoExpectationError extends MmsError {
  readonly code = 'DEMO_EXPECTATION';
  readonly retryable = false;
}

const WITHIN = seconds(30);
const POLL = seconds(0.05);

/** What a user does with kubectl in the README, done through the API. */
export interface DemoCluster {
  /** Applies the files of manifests/examples but the pod. */
  applyExamples(): Promise<void>;
  examplePod(): Promise<Pod>;
  createPod(pod: Pod): Promise<Pod>;
  createModel(name: string, memory: string): Promise<void>;
  deleteModel(name: string): Promise<void>;
  trainedModels(): Promise<readonly TrainedModel[]>;
  /** Overwrites models.json, as a person's edit would. */
  damageModelsJson(text: string): Promise<void>;
  /** Polls until models.json names just these models, or all that the predicate wants. @throws DemoExpectationError */
  untilModels(wanted: (names: readonly string[]) => boolean, what: string): Promise<readonly string[]>;
}

export function demoCluster(client: ApiClient, clock: Clock): DemoCluster {
  const reference = { namespace: NAMESPACE, name: modelConfigName(INFERENCE_SERVICE, 0) };
  const modelsJson = async (): Promise<ConfigMap | undefined> => {
    try {
      return await client.get(CONFIG_MAPS, reference);
    } catch (thrown) {
      if (isApiError(thrown, 'API_NOT_FOUND')) return undefined;
      throw thrown;
    }
  };
  return {
    async applyExamples() {
      await client.create(NAMESPACES, await example('namespace.yaml'));
      for (const [resource, file] of [
        [INFERENCE_SERVICES, 'inference-service.yaml'],
        [TRAINED_MODELS, 'trained-models.yaml'],
      ] as const) {
        for (const object of await examples(file)) await client.create(resource, inNamespace(object));
      }
    },
    examplePod: async () => (await example('predictor-pod.yaml')) as unknown as Pod,
    createPod: async (pod) =>
      (await client.create(PODS, pod as unknown as KubernetesObject)) as unknown as Pod,
    async createModel(name, memory) {
      const model = { storageUri: `s3://models/${name}`, framework: 'sklearn', memory };
      await client.create(TRAINED_MODELS, {
        metadata: { name, namespace: NAMESPACE },
        spec: { inferenceService: INFERENCE_SERVICE, model },
      });
    },
    deleteModel: (name) => client.delete(TRAINED_MODELS, { namespace: NAMESPACE, name }),
    trainedModels: async () => (await client.list(TRAINED_MODELS, { namespace: NAMESPACE })).items,
    async damageModelsJson(text) {
      await client.patch(CONFIG_MAPS, reference, { type: 'merge', body: { data: { [MODELS_JSON]: text } } });
    },
    async untilModels(wanted, what) {
      const deadline = clock.now() + WITHIN;
      for (;;) {
        const { models } = decodeModelConfig((await modelsJson())?.data?.[MODELS_JSON] ?? '');
        const names = models.map(({ modelName }) => modelName);
        if (wanted(names)) return names;
        if (clock.now() > deadline) {
          throw new DemoExpectationError(
            `${what} did not come about within ${WITHIN / 1000} s; models.json names ${names.join(', ')}`,
          );
        }
        await clock.sleep(POLL);
      }
    },
  };
}

function inNamespace(object: KubernetesObject): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, namespace: NAMESPACE } };
}

async function example(file: string): Promise<KubernetesObject> {
  const [first] = await examples(file);
  if (first === undefined) throw new DemoExpectationError(`${EXAMPLES}/${file} is empty`);
  return first;
}

async function examples(file: string): Promise<KubernetesObject[]> {
  const text = await readFile(`${EXAMPLES}/${file}`, 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}
