import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { modelsScene } from './models-scene.ts';
import type { ModelsScene } from './models-scene.ts';

/** How long until the next question; it adds to what is measured. */
const EVERY_MS = 10;
const LONGEST_MS = 150_000;
const ANSWER = 7;
/**
 * Before each model that is applied on its own. Kubelet syncs a pod at most once a second, so models that are applied
 * as soon as the one before answers all wait for the end of that second.
 */
const LONGEST_PAUSE_MS = 2_000;
const SEED = 22;

/** Milliseconds from the start of `kubectl apply` to the first right answer, one a model, in order. */
export interface FirstPredictions {
  /** Each is applied at a random moment up to two seconds after the one before answers. */
  readonly alone: number[];
  /** After those. Each is applied as soon as the one before answers. */
  readonly inARow: number[];
}

/** On a node: applies TrainedModels to one InferenceService in a namespace of its own. */
export async function firstPredictions(
  namespace: string,
  models: Readonly<Record<keyof FirstPredictions, number>>,
): Promise<FirstPredictions> {
  const scene = await modelsScene(namespace);
  const random = seededRandom(SEED);
  try {
    const uri = await scene.store('small', ANSWER);
    const took: FirstPredictions = { alone: [], inARow: [] };
    for (let index = 0; index < models.alone; index += 1) {
      await sleep(random() * LONGEST_PAUSE_MS);
      took.alone.push(await firstPrediction(scene, `alone-${index}`, uri));
    }
    for (let index = 0; index < models.inARow; index += 1) {
      took.inARow.push(await firstPrediction(scene, `in-a-row-${index}`, uri));
    }
    return took;
  } finally {
    await scene.end();
  }
}

async function firstPrediction(scene: ModelsScene, name: string, uri: string): Promise<number> {
  const started = performance.now();
  await scene.applyModel(name, uri);
  const answered = async (): Promise<void> => {
    const { status, value } = await scene.ask(name);
    if (status !== 200 || value !== ANSWER) throw new Error(`${name} answers ${status}, ${value}`);
  };
  await eventually(answered, LONGEST_MS, EVERY_MS);
  return performance.now() - started;
}
