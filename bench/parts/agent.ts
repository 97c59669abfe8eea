import { setTimeout as sleep } from 'node:timers/promises';
import { startBenchAgent } from '../agents.ts';
import type { BenchAgent, BenchModel } from '../agents.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import type { CallerReport } from '../load/job.ts';
import { startModelFiles } from '../load/model-files.ts';
import type { ModelFiles } from '../load/model-files.ts';
import { runCaller } from '../load/run-caller.ts';
import { MODEL_SERVER_PORT, startModelServer } from '../load/start-model-server.ts';
import type { BenchModelServer } from '../load/start-model-server.ts';
import * as names from '../report/figure-names.ts';
import { mlserverStarts } from './mlserver-start.ts';
import { PROGRAMS } from '../report/results.ts';
import type { Program, Sample } from '../report/results.ts';

const SMALL = 1_000;
/**
 * Without another load for this long there is no more progress: the slower agent loads 90 models in less than a
 * second.
 */
const STUCK_MS = 10_000;
const UPDATED_BYTES = 20e6;
const UPDATE_AFTER_MS = 1_500;
const UPDATE_LOAD_MS = 6_000;
const UPDATE_CONNECTIONS = 4;

interface Scene {
  readonly server: BenchModelServer;
  readonly files: ModelFiles;
  /**
   * The agents started with many models, whose files are removed at the end. ext4 skips inodes that were freed in the
   * last seconds, so each start after a removal would take longer than the one before.
   */
  readonly halted: BenchAgent[];
}

/** The time from a start or a change of models.json to the last load, and the effect of an update on requests. */
export const agent: Part = async (run) => {
  await startsAndChanges(run);
  await mlserverStarts(run);
};

const startsAndChanges: Part = async ({ plan, record, say }) => {
  const scene: Scene = { server: await startModelServer(), files: await startModelFiles(), halted: [] };
  const { rounds, starts, sizes } = plan.agent;
  const took = (who: Program, sample: Sample): void => {
    record(who, sample);
    for (const [name, value] of Object.entries(sample)) say(`${who}: ${name}: ${value.toFixed(1)}`);
  };
  try {
    await alternate(PROGRAMS, rounds, async (who, round) => {
      for (const count of starts) {
        // A load that never happens is awaited only once, because each wait takes the whole limit.
        if (who === 'kserve' && count > 100 && round > 0) continue;
        took(who, await measureStart(who, scene, count));
      }
      took(who, await measureApply(who, scene, sizes));
      took(who, await measureUpdate(who, scene));
    });
  } finally {
    scene.files.stop();
    scene.server.stop();
    for (const one of scene.halted) await one.stop();
  }
};

async function measureStart(who: Program, { server, files, halted }: Scene, count: number): Promise<Sample> {
  server.forget();
  const models = Array.from({ length: count }, (_, index) => modelOf(files, `model-${index}`, SMALL));
  const started = await startBenchAgent(who, models);
  try {
    const last = await Promise.race([started.ended, lastLoad(server, models, started.startedAt)]);
    return { [names.startTime(count)]: last - started.startedAt };
  } finally {
    await started.halt();
    halted.push(started);
  }
}

function modelOf(files: ModelFiles, name: string, bytes: number, version = ''): BenchModel {
  return { name, uri: files.uri(name + version, bytes) };
}

/**
 * The time when the last of these models was first loaded since then; Infinity without further progress. By name and
 * time, because a model may be loaded more than once.
 */
async function lastLoad(
  { loads }: BenchModelServer,
  models: readonly BenchModel[],
  since: number,
): Promise<number> {
  const missing = new Set(models.map(({ name }) => name));
  let [looked, last, progressAt] = [0, 0, performance.now()];
  for (;;) {
    for (const { name, at } of loads.slice(looked)) {
      looked += 1;
      if (at < since || !missing.delete(name)) continue;
      [last, progressAt] = [Math.max(last, at), performance.now()];
    }
    if (missing.size === 0) return last;
    if (performance.now() - progressAt > STUCK_MS) return Infinity;
    await sleep(5);
  }
}

async function measureApply(
  who: Program,
  { server, files }: Scene,
  sizes: Readonly<Record<string, number>>,
): Promise<Sample> {
  server.forget();
  const present = [modelOf(files, 'first', SMALL)];
  const started = await startBenchAgent(who, present);
  const sample: Record<string, number> = {};
  try {
    await running(started, server, present);
    for (const [index, [size, bytes]] of Object.entries(sizes).entries()) {
      const added = modelOf(files, `sized-${index}`, bytes);
      present.push(added);
      const swappedAt = await started.apply(present);
      const loadedAt = await Promise.race([started.ended, lastLoad(server, [added], swappedAt)]);
      sample[names.applyTime(size)] = loadedAt - swappedAt;
    }
    return sample;
  } finally {
    await started.stop();
  }
}

/** The agent has loaded its first model, and kubelet's probe would succeed. */
async function running(
  started: BenchAgent,
  server: BenchModelServer,
  models: readonly BenchModel[],
): Promise<void> {
  await Promise.race([started.ended, lastLoad(server, models, started.startedAt)]);
  await started.ready();
}

/** Replaces a model during requests for it through the agent's port. */
async function measureUpdate(who: Program, { server, files }: Scene): Promise<Sample> {
  server.forget();
  const old = [modelOf(files, 'updated', UPDATED_BYTES)];
  const started = await startBenchAgent(who, old);
  try {
    await running(started, server, old);
    const report = callModel(started.port, 'updated', UPDATE_CONNECTIONS, UPDATE_LOAD_MS);
    await sleep(UPDATE_AFTER_MS);
    const fresh = [modelOf(files, 'updated', UPDATED_BYTES, '-2')];
    const swappedAt = await started.apply(fresh);
    const loadedAt = await Promise.race([started.ended, lastLoad(server, fresh, swappedAt)]);
    const { failures, requests } = await report;
    return {
      [names.UPDATE_TIME]: loadedAt - swappedAt,
      [names.UPDATE_FAILURES]: failures,
      [names.UPDATE_REQUESTS]: requests,
    };
  } finally {
    await started.stop();
  }
}

const INFERENCE = JSON.stringify({
  inputs: [{ name: 'predict', shape: [1, 4], datatype: 'FP32', data: [5.1, 3.5, 1.4, 0.2] }],
});

/** Inferences of one model through a port: an agent's, or the model server's own. */
export function callModel(
  port: number | undefined,
  model: string,
  connections: number,
  ms: number,
): Promise<CallerReport> {
  return runCaller({ ...inferenceOf(port, model), connections, ms, warmUpMs: 500 });
}

/** One inference. */
export function inferenceOf(port: number | undefined, model: string) {
  return { port: port ?? MODEL_SERVER_PORT, path: `/v2/models/${model}/infer`, body: INFERENCE };
}
