import { eventually } from '../../support/eventually.ts';
import { modelsScene } from './models-scene.ts';
import type { ModelsScene } from './models-scene.ts';

/** How long until the next question; it adds to what is measured. */
const EVERY_MS = 10;
const LONGEST_MS = 150_000;
const ANSWER = 7;

/**
 * On a node: applies TrainedModels one after the other to one InferenceService in a namespace of its own.
 *
 * @returns for each, in order, the milliseconds from the start of `kubectl apply` to the model's first prediction
 */
export async function firstPredictions(namespace: string, models: number): Promise<number[]> {
  const scene = await modelsScene(namespace);
  try {
    const uri = await scene.store('small', ANSWER);
    const took: number[] = [];
    for (let index = 0; index < models; index += 1) {
      took.push(await firstPrediction(scene, `model-${index}`, uri));
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
