import type { Part } from '../bench-run.ts';
import { startBenchCluster } from '../managers.ts';
import { SCALE } from '../report/figure-names.ts';
import { makePredictors, timeBurst } from './burst.ts';

/** A whole large cluster at once, only with ours: KServe's manager would take hours. */
export const scale: Part = async ({ record, say }) => {
  const cluster = await startBenchCluster('ours');
  try {
    await makePredictors(cluster, SCALE.services);
    say(`${SCALE.services} InferenceServices are there`);
    record('ours', await timeBurst(cluster, SCALE, say));
  } finally {
    await cluster.stop();
  }
};
