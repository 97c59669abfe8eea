import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentStatus } from '../../src/contract/agent-status.ts';
import { DEFAULT_STATUS_PORT } from '../../src/contract/names.ts';
import { predictConstantly } from '../../src/development/demo/predict.ts';
import type { Prediction } from '../../src/development/demo/predict.ts';
import { eventually } from '../support/eventually.ts';
import { report } from '../support/report.ts';
import { rolledOut } from './support/installation.ts';
import { modelsScene } from './support/models-scene.ts';
import type { ModelsScene } from './support/models-scene.ts';
import { run } from './support/this-node.ts';

const NAMESPACE = 'mms-on-demand';
/** Each model answers with its number. */
const MODELS = [1, 2, 3, 4];
/** The number of models that fit into the budget. */
const ROOM = 2;
const BUDGET = '128Mi';
const DECLARED = '60Mi';

describe('on-demand models on a real node', () => {
  let scene: ModelsScene;
  let endScene = (): Promise<void> => Promise.resolve();
  const inNamespace = (...args: readonly string[]) => run('-n', NAMESPACE, ...args);
  const nameOf = (model: number) => `model-${model}`;
  const own = (model: number): Prediction => ({ status: 200, value: model });

  beforeAll(async () => {
    scene = await modelsScene(NAMESPACE, {
      'kserve-mms/residency': 'on-demand',
      'kserve-mms/memory-budget': BUDGET,
    });
    endScene = scene.end;
  });

  afterAll(() => endScene());

  /** The numbers of the sleeping models by the status of the pod's agent, because TrainedModels lag behind. */
  async function asleep(): Promise<number[]> {
    const address = await inNamespace('get', 'pods', '-o', 'jsonpath={.items[0].status.podIP}');
    const { models } = (await (
      await fetch(`http://${address}:${DEFAULT_STATUS_PORT}/v1/models`)
    ).json()) as AgentStatus;
    const names = new Set(models.filter(({ phase }) => phase === 'Standby').map(({ name }) => name));
    return MODELS.filter((model) => names.has(nameOf(model)));
  }

  it('are all ready though only some fit, and each gives its own answer', async () => {
    for (const model of MODELS)
      await scene.applyModel(nameOf(model), await scene.store(nameOf(model), model), DECLARED);
    for (const model of MODELS)
      await eventually(async () => expect(await scene.ask(nameOf(model))).toEqual(own(model)), 150_000);
    await inNamespace('wait', '--for=condition=Ready', 'trainedmodels', '--all', '--timeout=120s');
  });

  it('sleep when they do not fit, and wake on requests through the Service', async () => {
    const sleeping = await asleep();
    expect(sleeping).toHaveLength(MODELS.length - ROOM);
    const started = performance.now();
    for (const model of sleeping) expect(await scene.ask(nameOf(model))).toEqual(own(model));
    report('models woken through the Service', {
      models: sleeping.length,
      meanMs: (performance.now() - started) / sleeping.length,
    });
  });

  it('answer all requests while the predictor restarts', async () => {
    const wrong: Prediction[] = [];
    let turn = 0;
    const ask = async (): Promise<Prediction> => {
      const model = MODELS[(turn += 1) % MODELS.length] ?? 0;
      const answer = await scene.ask(nameOf(model));
      if (answer.status !== 200 || answer.value !== model) wrong.push(answer);
      return answer;
    };
    const load = predictConstantly(ask, 2);
    await eventually(() => expect(load.asked).toBeGreaterThan(50));
    const predictor = `deployment/${scene.service}-predictor`;
    await inNamespace('rollout', 'restart', predictor);
    await rolledOut(NAMESPACE, predictor);
    const before = load.asked;
    await eventually(() => expect(load.asked).toBeGreaterThan(before + 50));
    report('a restart of the predictor with models on demand', await load.stop());
    expect(wrong).toEqual([]);
    const unhooked = ['--field-selector=reason=FailedPreStopHook', '-o', 'name'];
    expect(await inNamespace('get', 'events', ...unhooked)).toBe('');
  });
});
