import { join } from 'node:path';
import { predict } from '../../../src/development/demo/predict.ts';
import type { Prediction } from '../../../src/development/demo/predict.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { ROOT } from '../../support/page.ts';
import { testMlserver, train } from '../../support/mlserver.ts';
import { startS3 } from '../../support/s3.ts';
import type { TestS3 } from '../../support/s3.ts';
import { NODE_ADDRESS } from './addresses.ts';
import { withDiagnosis } from './diagnosis.ts';
import { install, rolledOut } from './installation.ts';
import { multiModelService, restrictedNamespace, storageAccount, trainedModelOf } from './predictor.ts';
import { AGENT_PORT } from '../../../src/contract/names.ts';
import { apply, run } from './this-node.ts';

const RUNTIMES = join(ROOT, 'manifests/runtimes');
/** One row for models that always give the same answer. */
const ROW = [0];

/**
 * A namespace with an InferenceService, its predictor and an object store, on a node with our installation. The
 * manager makes the predictor.
 */
export interface ModelsScene {
  readonly namespace: string;
  readonly service: string;
  /** Stores a model that answers `answer` to everything, and returns its URI. */
  store(name: string, answer: number): Promise<string>;
  /** `kubectl apply` of a TrainedModel. */
  applyModel(name: string, storageUri: string, memory?: string): Promise<void>;
  /** Sends a request through the predictor's Service, on a new or a kept connection, as fetch does. */
  ask(model: string): Promise<Prediction>;
  /** Sends a request to each of the predictor's pods, bypassing the Service. */
  askEveryPod(model: string): Promise<Prediction[]>;
  /** The names of the containers of each of the predictor's pods. */
  containers(): Promise<string[][]>;
  /** Resolves once exactly this many pods exist, all of them ready and none terminating. */
  scale(replicas: number): Promise<void>;
  end(): Promise<void>;
}

interface PredictorPod {
  readonly spec: { readonly containers: readonly { readonly name: string }[] };
  readonly status: { readonly podIP?: string };
}

/** @param annotations of the InferenceService */
export async function modelsScene(
  namespace: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<ModelsScene> {
  const service = 'flowers';
  const [{ python }, s3] = await Promise.all([testMlserver(), startS3(undefined, NODE_ADDRESS), install()]);
  const inNamespace = (...args: readonly string[]) => run('-n', namespace, ...args);
  await setUp(namespace, service, s3, annotations).catch(async (thrown: unknown) => {
    await s3.stop();
    throw thrown;
  });
  const url = `http://${await inNamespace('get', 'service', `${service}-predictor`, '-o', 'jsonpath={.spec.clusterIP}')}`;
  const pods = async (): Promise<PredictorPod[]> => {
    const { items } = JSON.parse(await inNamespace('get', 'pods', '-o', 'json')) as { items: PredictorPod[] };
    return items;
  };
  return {
    namespace,
    service,
    async store(name, answer) {
      await s3.putObject('models', `${name}/model.joblib`, await train(python, answer));
      return `s3://models/${name}`;
    },
    async applyModel(name, storageUri, memory) {
      await apply(trainedModelOf(namespace, service, name, storageUri, memory));
    },
    ask: (model) => predict(url, model, ROW),
    async askEveryPod(model) {
      const asked = (await pods()).map(({ status }) =>
        predict(`http://${status.podIP ?? 'no-address'}:${AGENT_PORT}`, model, ROW),
      );
      return Promise.all(asked);
    },
    async containers() {
      return (await pods()).map(({ spec }) => spec.containers.map(({ name }) => name));
    },
    async scale(replicas) {
      const predictor = JSON.stringify({ spec: { predictor: { minReplicas: replicas } } });
      await inNamespace('patch', 'inferenceservice', service, '--type=merge', `--patch=${predictor}`);
      // A terminating pod still gets requests on existing connections.
      const names = () => inNamespace('get', 'pods', '-o', 'name');
      await eventuallyTrue(
        `${replicas} pods`,
        async () => (await names()).trim().split('\n').length === replicas,
      );
      await rolledOut(namespace, `deployment/${service}-predictor`);
    },
    async end() {
      await run('delete', 'namespace', namespace, '--timeout=120s');
      await s3.stop();
    },
  };
}

async function setUp(
  namespace: string,
  service: string,
  s3: TestS3,
  annotations: Readonly<Record<string, string>>,
): Promise<void> {
  await run('apply', '-k', RUNTIMES);
  await apply(restrictedNamespace(namespace));
  await apply(
    ...storageAccount(namespace, s3),
    multiModelService(namespace, service, { serviceAccountName: 'models' }, annotations),
  );
  await untilReady(namespace, service);
}

function untilReady(namespace: string, service: string): Promise<string> {
  const wait = ['wait', '--for=condition=PredictorReady', `inferenceservice/${service}`, '--timeout=120s'];
  return withDiagnosis(namespace, () => run('-n', namespace, ...wait));
}
