import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBenchAgent } from '../agents.ts';
import type { BenchRun } from '../bench-run.ts';
import { sevenDigits } from '../load/job.ts';
import { startModelFiles } from '../load/model-files.ts';
import { startModelServer } from '../load/start-model-server.ts';
import { backTime } from '../report/figure-names.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { quantile } from '../../test/support/quantile.ts';
import { callByZipf } from './zipf-caller.ts';

const MIB = 1024 * 1024;
/** About the time of MLServer for a small scikit-learn model. */
const LOAD_MS = 20;
/** Long enough for the agent to write its heat file, which it does every 5 s. */
const BEFORE_MS = 12_000;
const AFTER_MS = 20_000;
const WINDOW_MS = 500;
/** Compared with the duration of 99 % of the requests before the kill. */
const AS_BEFORE_TIMES = 2;
const HEAT_FILE = '.kserve-mms-heat.json';

/**
 * Agent and model server are killed under requests by Zipf's law and restarted at once. Measures when 99 % of the
 * requests are served as before, with the remembered order of models and without.
 */
export async function comeBack({ plan, record, say }: BenchRun): Promise<void> {
  for (let round = 0; round < plan.onDemand.back.rounds; round++) {
    for (const order of round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
      const took = await backAfter(plan.onDemand.back, order);
      record('ours', { [backTime(order)]: took });
      say(`back ${order} the order of heat: ${took.toFixed(0)} ms`);
    }
  }
}

async function backAfter(
  { models: count, room }: { readonly models: number; readonly room: number },
  order: 'with' | 'without',
): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-back-'));
  const modelDir = join(root, 'models');
  const [server, files] = [await startModelServer(LOAD_MS), await startModelFiles()];
  const named = Array.from({ length: count }, (_, index) => `m${sevenDigits(index)}`);
  const models = named.map((name) => ({ name, uri: files.uri(name, 1_000) }));
  const flags = ['--residency', 'on-demand', '--memory-budget', String(room * MIB)];
  const first = await startBenchAgent('ours', models, { flags, modelDir });
  try {
    await eventuallyTrue('each model was loaded once', () => server.loads.length >= count, 300_000);
    const usual: number[] = [];
    await callByZipf(first, named, BEFORE_MS, (took) => usual.push(took));
    await first.stop();
    server.forget();
    if (order === 'without') await rm(join(modelDir, HEAT_FILE), { force: true });
    const killed = performance.now();
    const next = await startBenchAgent('ours', models, { flags, modelDir });
    const asBefore = AS_BEFORE_TIMES * quantile(usual, 0.99);
    const seen: { readonly at: number; readonly well: boolean }[] = [];
    await callByZipf(next, named, AFTER_MS, (took, well) =>
      seen.push({ at: performance.now() - killed, well: well && took <= asBefore }),
    );
    await next.stop();
    return lastBad(seen);
  } finally {
    await first.stop();
    server.stop();
    files.stop();
    await rm(root, { recursive: true, force: true });
  }
}

/** The end of the last window in which fewer than 99 % were served as before. */
function lastBad(seen: readonly { readonly at: number; readonly well: boolean }[]): number {
  let last = 0;
  for (let from = 0; from < AFTER_MS; from += WINDOW_MS) {
    const window = seen.filter(({ at }) => at >= from && at < from + WINDOW_MS);
    const well = window.filter((one) => one.well).length;
    if (window.length === 0 || well / window.length < 0.99) last = from + WINDOW_MS;
  }
  return last;
}
