import { join } from 'node:path';
import { milliseconds } from '../../lib/clock.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { modelConfigName } from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { demoCluster, DemoExpectationError } from './demo-cluster.ts';
import type { DemoCluster } from './demo-cluster.ts';
import { ROWS, trainModels } from './example-models.ts';
import { examplePod } from './examples.ts';
import { serveFiles } from './file-source.ts';
import type { FileSource } from './file-source.ts';
import { runLocalPod } from './local-pod.ts';
import type { LocalPod } from './local-pod.ts';
import { predict, predictConstantly } from './predict.ts';
import type { Prediction } from './predict.ts';

interface ServingScript {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly say: (line: string) => void;
  /** For volumes, logs and trained models. */
  readonly directory: string;
  readonly launcher: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly python: string;
  readonly mlserver: string;
}

const NAMESPACE = 'mms-serving';
const SERVICE = 'classifiers';

const CALLERS = 4;
/** Before the update, and again after it. */
const REQUESTS = 100;
/** iris-v2 has the classes in reverse. */
const IRIS_V2_LABEL = 2;

/**
 * Runs an injected pod's containers as processes of this machine, and shows models being served, updated and unloaded, by
 * TrainedModels alone.
 *
 * @throws {DemoExpectationError} when something shown does not hold
 */
export async function showServing(script: ServingScript): Promise<void> {
  const { say, directory } = script;
  say('');
  say(
    '7. The containers of an injected pod run: a real MLServer, and the agent with the arguments it was given',
  );
  const models = join(directory, 'trained');
  await trainModels(models, script);
  const source = await serveFiles(models);
  const cluster = demoCluster(script.client, script.clock, NAMESPACE);
  try {
    const pod = await startPod(script, cluster, source);
    try {
      await showPredictions(script, pod);
      await showUpdate(script, cluster, source, pod);
      await showUnload(script, cluster, pod);
    } finally {
      await pod.stop();
    }
  } finally {
    await source.stop();
  }
}

async function startPod(script: ServingScript, cluster: DemoCluster, source: FileSource): Promise<LocalPod> {
  await cluster.createNamespace();
  await cluster.createInferenceService(SERVICE);
  for (const name of ROWS.keys()) {
    await cluster.createModel({
      name,
      service: SERVICE,
      storageUri: source.uriOf(`${name}/model.joblib`),
      memory: '64Mi',
    });
  }
  await cluster.untilModels(
    (names) => names.length === ROWS.size,
    'a models.json with the trained models',
    SERVICE,
  );
  const pod = await cluster.createPod(await examplePod(SERVICE, NAMESPACE));
  const started = script.clock.monotonic();
  const configMap = { namespace: NAMESPACE, name: modelConfigName(SERVICE, 0) };
  const running = await runLocalPod({ ...script, pod, configMap });
  script.say(
    `   ready after ${((script.clock.monotonic() - started) / 1000).toFixed(1)} s, models downloaded and loaded`,
  );
  return running;
}

async function showPredictions({ say }: ServingScript, pod: LocalPod): Promise<void> {
  for (const [name, { row, label }] of ROWS) {
    const answer = await predict(pod.url, name, row);
    expectAnswer(name, answer, label);
    say(`   POST /v2/models/${name}/infer through the agent: class ${answer.value ?? ''}`);
  }
}

async function showUpdate(
  script: ServingScript,
  cluster: DemoCluster,
  source: FileSource,
  pod: LocalPod,
): Promise<void> {
  const { say } = script;
  say('');
  say('8. A model is updated while it is asked all the time');
  const { row = [] } = ROWS.get('iris') ?? {};
  const ask = (): Promise<Prediction> => predict(pod.url, 'iris', row);
  const load = predictConstantly(ask, CALLERS);
  await until(script, 'requests are answered', () => Promise.resolve(load.asked >= REQUESTS));
  await cluster.setStorageUri('iris', source.uriOf('iris-v2/model.joblib'));
  await until(script, 'the new version of iris answers', async () => (await ask()).value === IRIS_V2_LABEL);
  const answered = load.asked;
  await until(script, 'requests go on being answered', () =>
    Promise.resolve(load.asked >= answered + REQUESTS),
  );
  const { asked, failed } = await load.stop();
  say(`   the new version answers; of ${asked} requests before, during and after ${failed} failed`);
  if (failed > 0) throw new DemoExpectationError(`${failed} of ${asked} requests failed during the update`);
}

async function showUnload(script: ServingScript, cluster: DemoCluster, pod: LocalPod): Promise<void> {
  const { say } = script;
  say('');
  say('9. A TrainedModel is deleted, and its model unloaded');
  const { row = [] } = ROWS.get('wine') ?? {};
  await cluster.deleteModel('wine');
  await until(script, 'wine is unloaded', async () => (await predict(pod.url, 'wine', row)).status === 404);
  say('   POST /v2/models/wine/infer: 404');
  const iris = await predict(pod.url, 'iris', ROWS.get('iris')?.row ?? []);
  expectAnswer('iris', iris, IRIS_V2_LABEL);
  say(`   POST /v2/models/iris/infer: class ${iris.value ?? ''}, as before`);
}

function expectAnswer(model: string, { status, value }: Prediction, wanted: number): void {
  if (status === 200 && value === wanted) return;
  throw new DemoExpectationError(`${model} answered ${status} with class ${value ?? 'none'}, not ${wanted}`);
}

const WITHIN_MS = 60_000;

async function until({ clock }: ServingScript, what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = clock.monotonic() + WITHIN_MS;
  while (!(await holds())) {
    if (clock.monotonic() > deadline)
      throw new DemoExpectationError(`not within ${WITHIN_MS / 1000} s: ${what}`);
    await clock.sleep(milliseconds(20));
  }
}
