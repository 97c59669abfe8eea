import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';
import { modelsScene } from './support/models-scene.ts';
import type { ModelsScene } from './support/models-scene.ts';

const MODELS = sized({ check: 15, soak: 50 });
/** How long until the next question; it adds to what is measured. */
const EVERY_MS = 10;
/** Kubelet's own look at a pod's volumes comes after a minute or more, and ours is some twenty times faster. */
const MEDIAN_BOUND_MS = 20_000;

describe('a model that is applied', () => {
  let scene: ModelsScene;
  // Nothing to end where the scene could not be set.
  let endScene = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    scene = await modelsScene('mms-latency');
    endScene = scene.end;
  });

  afterAll(() => endScene());

  it(`predicts in seconds: ${MODELS} of them, one after the other`, async () => {
    const uri = await scene.store('small', 7);
    const took: number[] = [];
    for (let index = 0; index < MODELS; index += 1) {
      const name = `model-${index}`;
      const started = performance.now();
      await scene.applyModel(name, uri);
      const answered = async () => expect(await scene.ask(name)).toEqual({ status: 200, value: 7 });
      await eventually(answered, 150_000, EVERY_MS);
      took.push(performance.now() - started);
    }
    const [p50, p99] = [quantile(took, 0.5), quantile(took, 0.99)];
    // The first brings what the others find loaded: scikit-learn in the model server, the client of the store.
    const [first = 0, ...others] = took;
    const figures = { p50, p99, first, longestOther: Math.max(...others) };
    report(`kubectl apply to first prediction in ms, ${MODELS} models`, figures);
    expect(p50).toBeLessThan(MEDIAN_BOUND_MS);
  }, 600_000);
});
