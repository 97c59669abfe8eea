import { decideInjection } from '../../contract/agent-injection.ts';
import type { Clock } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import { planModelConfig, MODELS_JSON_CAPACITY } from '../../contract/model-config-plan.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../contract/system-config.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { INFERENCE_SERVICES } from '../../kube/resources.ts';
import { demoCluster, DemoExpectationError, INFERENCE_SERVICE, NAMESPACE } from './demo-cluster.ts';
import type { DemoCluster } from './demo-cluster.ts';
import { examplePod } from './examples.ts';
import { describePodChanges } from './pod-changes.ts';

interface DemoScript {
  readonly client: ApiClient;
  readonly clock: Clock;
  /** One line for the person who watches. */
  readonly say: (line: string) => void;
  /** How often the manager has written ConfigMaps so far. */
  readonly configMapWrites: () => Promise<number>;
}

const BURST = 200;

/**
 * Shows what the system does, on a cluster whose manager is ready, and checks each step.
 *
 * @throws {DemoExpectationError} when something shown does not hold
 */
export async function runDemo(script: DemoScript): Promise<void> {
  const cluster = demoCluster(script.client, script.clock, NAMESPACE);
  await showModelConfig(script, cluster);
  await showInjection(script, cluster);
  await showComingAndGoing(script, cluster);
  await showMemoryLimit(script, cluster);
  await showRepair(script, cluster);
  await showBurst(script, cluster);
}

async function showModelConfig({ say }: DemoScript, cluster: DemoCluster): Promise<void> {
  say('');
  say(`1. InferenceService ${INFERENCE_SERVICE} names no storage: it is multi-model, and gets a ConfigMap`);
  await cluster.applyExamples();
  const names = await cluster.untilModels((models) => models.length === 3, 'a models.json with three models');
  say(
    `   applied manifests/examples; modelconfig-${INFERENCE_SERVICE}-0 has models.json with ${list(names)}`,
  );
}

async function showInjection({ say, client }: DemoScript, cluster: DemoCluster): Promise<void> {
  say('');
  say(
    '2. A predictor pod is created: the API server asks the webhook, and stores this instead of what was sent',
  );
  const sent = await examplePod(INFERENCE_SERVICE, NAMESPACE);
  const stored = await cluster.createPod(sent);
  for (const line of describePodChanges(sent, stored)) say(`   ${line}`);
  const inferenceService: InferenceService = await client.get(INFERENCE_SERVICES, {
    namespace: NAMESPACE,
    name: INFERENCE_SERVICE,
  });
  const decision = decideInjection({
    pod: sent,
    inferenceService,
    system: DEFAULT_SYSTEM_CONFIG,
    credentials: [],
  });
  say(`   why: ${decision.reason}: ${decision.message}`);
  const containers = stored.spec.containers.map(({ name }) => name);
  if (!containers.includes('agent')) throw new DemoExpectationError(`the pod has only ${list(containers)}`);
}

async function showComingAndGoing({ say }: DemoScript, cluster: DemoCluster): Promise<void> {
  say('');
  say('3. Models come and go');
  await cluster.deleteModel('tulip');
  const fewer = await cluster.untilModels((names) => !names.includes('tulip'), 'models.json without tulip');
  say(`   deleted TrainedModel tulip: ${list(fewer)}`);
  await cluster.createModel({ name: 'lily', memory: '256Mi' });
  const more = await cluster.untilModels((names) => names.includes('lily'), 'models.json with lily');
  say(`   created TrainedModel lily:  ${list(more)}`);
}

async function showMemoryLimit({ say, client }: DemoScript, cluster: DemoCluster): Promise<void> {
  say('');
  say(
    "4. A model that does not fit into the predictor's memory limit stays out; a smaller one still gets in",
  );
  await cluster.createModel({ name: 'redwood', memory: '4Gi' });
  await cluster.createModel({ name: 'moss', memory: '64Mi' });
  const names = await cluster.untilModels((models) => models.includes('moss'), 'models.json with moss');
  if (names.includes('redwood'))
    throw new DemoExpectationError('redwood is in models.json though it does not fit');
  const plan = planModelConfig({
    inferenceService: await client.get(INFERENCE_SERVICES, { namespace: NAMESPACE, name: INFERENCE_SERVICE }),
    trainedModels: await cluster.trainedModels(),
    placed: new Set(names),
    first: 'placed',
    capacity: MODELS_JSON_CAPACITY,
  });
  say(`   created redwood (4Gi) and moss (64Mi): ${list(names)}`);
  for (const { name, reason, message } of plan.waiting) say(`   ${name} waits: ${reason}: ${message}`);
}

async function showRepair({ say }: DemoScript, cluster: DemoCluster): Promise<void> {
  say('');
  say('5. A user overwrites models.json by hand; the manager corrects it');
  await cluster.damageModelsJson('[{"modelName": "oops"');
  const names = await cluster.untilModels((models) => models.includes('iris'), 'a repaired models.json');
  say(`   repaired: ${list(names)}`);
}

async function showBurst({ say, clock, configMapWrites }: DemoScript, cluster: DemoCluster): Promise<void> {
  say('');
  say(`6. ${BURST} TrainedModels at once become a few writes`);
  const before = await configMapWrites();
  const names = Array.from({ length: BURST }, (_, index) => `bulk-${index}`);
  await Promise.all(names.map((name) => cluster.createModel({ name, memory: '1Mi' })));
  const created = clock.monotonic();
  const wanted = new Set(names);
  await cluster.untilModels(
    (models) => models.filter((name) => wanted.has(name)).length === BURST,
    `a models.json with all ${BURST}`,
  );
  const took = Math.round(clock.monotonic() - created);
  say(`   complete ${took} ms after the last was created, with ${(await configMapWrites()) - before} writes`);
}

function list(names: readonly string[]): string {
  return names.join(', ');
}
