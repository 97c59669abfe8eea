import { describe, expect, it } from '@jest/globals';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';
import { firstPredictions } from './support/first-predictions.ts';

const MODELS = sized({ check: 15, soak: 50 });
/** Kubelet's own look at a pod's volumes comes after a minute or more, and ours is some twenty times faster. */
const MEDIAN_BOUND_MS = 20_000;

describe('an applied model', () => {
  it(`predicts within seconds: ${MODELS} of them, one after another`, async () => {
    const { inARow } = await firstPredictions('mms-latency', { alone: 0, inARow: MODELS });
    const [p50, p99] = [quantile(inARow, 0.5), quantile(inARow, 0.99)];
    // The first one also loads what the others share: scikit-learn in the model server, and the client of the store.
    const [first = 0, ...others] = inARow;
    const figures = { p50, p99, first, longestOther: Math.max(...others) };
    report(`kubectl apply to first prediction in ms, ${MODELS} models`, figures);
    expect(inARow).toHaveLength(MODELS);
    expect(p50).toBeLessThan(MEDIAN_BOUND_MS);
  }, 900_000);
});
