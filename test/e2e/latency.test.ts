import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';
import { modelsScene } from './support/models-scene.ts';
import type { ModelsScene } from './support/models-scene.ts';

const MODELS = sized({ check: 15, soak: 50 });
/** The interval between requests, which adds to the measured time. */
const EVERY_MS = 10;
/**
 * Kubelet syncs a pod's volumes on its own only after a minute or more. Our notification makes it about twenty times
 * faster.
 */
const MEDIAN_BOUND_MS = 20_000;

describe('an applied model', () => {
  let scene: ModelsScene;
  // Nothing to end if the scene could not be started.
  let endScene = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    scene = await modelsScene('mms-latency');
    endScene = scene.end;
  });

  afterAll(() => endScene());

  it(`predicts within seconds: ${MODELS} of them, one after another`, async () => {
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
    // The first one also loads what the others share: scikit-learn in the model server, and the client of the store.
    const [first = 0, ...others] = took;
    const figures = { p50, p99, first, longestOther: Math.max(...others) };
    report(`kubectl apply to first prediction in ms, ${MODELS} models`, figures);
    expect(p50).toBeLessThan(MEDIAN_BOUND_MS);
  }, 600_000);
});
