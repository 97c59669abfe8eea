import { seconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { decodeModelConfig } from '../../contract/model-config.ts';
import { modelConfigName, MODELS_JSON } from '../../contract/names.ts';
import type { Pod } from '../../contract/pod.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, NAMESPACES, PODS, TRAINED_MODELS } from '../../kube/resources.ts';
import { exampleObjects } from './examples.ts';

/** Of manifests/examples. */
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
  createNamespace(): Promise<void>;
  createInferenceService(name: string): Promise<void>;
  createPod(pod: Pod): Promise<Pod>;
  createModel(model: DemoModel): Promise<void>;
  setStorageUri(name: string, storageUri: string): Promise<void>;
  deleteModel(name: string): Promise<void>;
  trainedModels(): Promise<readonly TrainedModel[]>;
  /** Overwrites models.json, as a person's edit would. */
  damageModelsJson(text: string): Promise<void>;
  /** Polls until models.json names just these models, or all that the predicate wants. @throws DemoExpectationError */
  untilModels(
    wanted: (names: readonly string[]) => boolean,
    what: string,
    service?: string,
  ): Promise<readonly string[]>;
}

/** A TrainedModel to create. */
interface DemoModel {
  readonly name: string;
  /** A quantity. */
  readonly memory: string;
  readonly service?: string;
  readonly storageUri?: string;
}

/** @param namespace where everything is, and is looked for */
export function demoCluster(client: ApiClient, clock: Clock, namespace: string): DemoCluster {
  return {
    async applyExamples() {
      for (const { resource, object } of await exampleObjects(namespace))
        await client.create(resource, object);
    },
    async createNamespace() {
      await client.create(NAMESPACES, { metadata: { name: namespace } });
    },
    async createInferenceService(name) {
      const predictor = { model: { modelFormat: { name: 'sklearn' }, protocolVersion: 'v2' } };
      await client.create(INFERENCE_SERVICES, {
        metadata: { name, namespace },
        spec: { predictor },
      });
    },
    createPod: async (pod) =>
      (await client.create(PODS, pod as unknown as KubernetesObject)) as unknown as Pod,
    async createModel({ name, memory, service = INFERENCE_SERVICE, storageUri = `s3://models/${name}` }) {
      await client.create(TRAINED_MODELS, {
        metadata: { name, namespace },
        spec: { inferenceService: service, model: { storageUri, framework: 'sklearn', memory } },
      });
    },
    async setStorageUri(name, storageUri) {
      const body = { spec: { model: { storageUri } } };
      await client.patch(TRAINED_MODELS, { namespace, name }, { type: 'merge', body });
    },
    deleteModel: (name) => client.delete(TRAINED_MODELS, { namespace, name }),
    trainedModels: async () => (await client.list(TRAINED_MODELS, { namespace })).items,
    async damageModelsJson(text) {
      await client.patch(CONFIG_MAPS, configMapOf(namespace, INFERENCE_SERVICE), {
        type: 'merge',
        body: { data: { [MODELS_JSON]: text } },
      });
    },
    async untilModels(wanted, what, service = INFERENCE_SERVICE) {
      const deadline = clock.monotonic() + WITHIN;
      for (;;) {
        const { models } = decodeModelConfig(
          (await getIfThere(client, CONFIG_MAPS, configMapOf(namespace, service)))?.data?.[MODELS_JSON] ?? '',
        );
        const names = models.map(({ modelName }) => modelName);
        if (wanted(names)) return names;
        if (clock.monotonic() > deadline) {
          throw new DemoExpectationError(
            `${what} did not come about within ${WITHIN / 1000} s; models.json names ${names.join(', ')}`,
          );
        }
        await clock.sleep(POLL);
      }
    },
  };
}

function configMapOf(namespace: string, service: string): { namespace: string; name: string } {
  return { namespace, name: modelConfigName(service, 0) };
}
