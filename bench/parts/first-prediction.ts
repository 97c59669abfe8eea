import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FirstPredictions } from '../../test/e2e/support/first-predictions.ts';
import { NoNodeError, runOnNode } from '../../test/e2e/support/run-on-node.ts';
import { quantile } from '../../test/support/quantile.ts';
import { type Part, PartSkippedError } from '../bench-run.ts';
import type { Plan } from '../plan.ts';
import * as names from '../report/figure-names.ts';

const ON_THE_NODE = fileURLToPath(new URL('../load/first-predictions.mts', import.meta.url));

/** The whole way of a model on a real node: kubectl, manager, kubelet, agent, MLServer. Ours alone. */
export const firstPrediction: Part = async ({ plan, record, say }) => {
  const models = plan.firstPrediction;
  const took = await onNode(models);
  const alone = took.alone.map((ms) => ms / 1_000);
  const [p50, p99] = [quantile(alone, 0.5), quantile(alone, 0.99)];
  const inARow = quantile(took.inARow, 0.5) / 1_000;
  // The first brings what the others find loaded: scikit-learn in the model server, the client of the store.
  const [first = Number.NaN, ...others] = alone;
  record('ours', {
    [names.firstPrediction('p50', models.alone)]: p50,
    [names.firstPrediction('p99', models.alone)]: p99,
    [names.firstPrediction('the first', models.alone)]: first,
    [names.firstPrediction('the slowest of the others', models.alone)]: Math.max(...others),
    [names.firstPrediction(`p50 of ${models.inARow} more, in a row`, models.alone)]: inARow,
  });
  say(
    `${models.alone} models: p50 ${p50.toFixed(2)} s, p99 ${p99.toFixed(2)} s, the first ${first.toFixed(2)} s`,
  );
  say(`${models.inARow} more, in a row: p50 ${inARow.toFixed(2)} s`);
};

async function onNode({ alone, inARow }: Plan['firstPrediction']): Promise<FirstPredictions> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-bench-'));
  try {
    const output = join(directory, 'took.json');
    const code = await runOnNode(['--script', ON_THE_NODE, String(alone), String(inARow), output]);
    if (code !== 0) throw new Error(`the measurement on the node ended with exit code ${code}`);
    return JSON.parse(await readFile(output, 'utf8')) as FirstPredictions;
  } catch (thrown) {
    throw thrown instanceof NoNodeError ? new PartSkippedError(thrown.message, { cause: thrown }) : thrown;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
