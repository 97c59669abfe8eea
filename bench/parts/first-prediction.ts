import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NoNodeError, runOnNode } from '../../test/e2e/support/run-on-node.ts';
import { quantile } from '../../test/support/quantile.ts';
import { type Part, PartSkippedError } from '../bench-run.ts';
import * as names from '../report/figure-names.ts';

const ON_THE_NODE = fileURLToPath(new URL('../load/first-predictions.mts', import.meta.url));

/** The whole way of a model on a real node: kubectl, manager, kubelet, agent, MLServer. Ours alone. */
export const firstPrediction: Part = async ({ plan, record, say }) => {
  const { models } = plan.firstPrediction;
  const took = (await onNode(models)).map((ms) => ms / 1_000);
  const [p50, p99] = [quantile(took, 0.5), quantile(took, 0.99)];
  // The first brings what the others find loaded: scikit-learn in the model server, the client of the store.
  const [first = Number.NaN, ...others] = took;
  record('ours', {
    [names.firstPrediction('p50', models)]: p50,
    [names.firstPrediction('p99', models)]: p99,
    [names.firstPrediction('the first', models)]: first,
    [names.firstPrediction('the slowest of the others', models)]: Math.max(...others),
  });
  say(`${models} models: p50 ${p50.toFixed(2)} s, p99 ${p99.toFixed(2)} s, the first ${first.toFixed(2)} s`);
};

/** Milliseconds, one a model. */
async function onNode(models: number): Promise<readonly number[]> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-bench-'));
  try {
    const output = join(directory, 'took.json');
    const code = await runOnNode(['--script', ON_THE_NODE, String(models), output]);
    if (code !== 0) throw new Error(`the measurement on the node ended with exit code ${code}`);
    return JSON.parse(await readFile(output, 'utf8')) as readonly number[];
  } catch (thrown) {
    throw thrown instanceof NoNodeError ? new PartSkippedError(thrown.message, { cause: thrown }) : thrown;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
