import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { type BenchAgent, startBenchAgent } from '../agents.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import { type ModelFiles, startModelFiles } from '../load/model-files.ts';
import { monotonicMs } from '../load/monotonic.ts';
import { runCaller } from '../load/run-caller.ts';
import { type BenchModelServer, startModelServer } from '../load/start-model-server.ts';
import { startBenchCluster } from '../managers.ts';
import { memoryOf, settled } from '../processes.ts';
import { cpuSeconds } from '../../test/support/process-cpu.ts';
import * as names from '../report/figure-names.ts';
import { PROGRAMS } from '../report/results.ts';
import type { Program, Sample } from '../report/results.ts';
import { inferenceOf } from './agent.ts';
import { makePredictors, timeBurst } from './burst.ts';

const MODELS = 10;
const REQUESTS = 1_000;
const LOADS = 90;
const CPU_SECONDS = 5;
const IMAGE = fileURLToPath(new URL('../../image/main.ts', import.meta.url));

/** The memory and CPU of each contender when idle, and the time until it is ready. */
export const footprint: Part = async ({ plan, record, say }) => {
  const { rounds, afterWork } = plan.footprint;
  await alternate(PROGRAMS, rounds, async (who, round) => {
    record(who, await measureAgent(who, afterWork));
    record(who, await measureManager(who));
    say(`round ${round + 1}: ${who}`);
  });
  record('ours', await measureImage());
};

async function measureAgent(who: Program, afterWork: boolean): Promise<Sample> {
  const [server, files] = [await startModelServer(), await startModelFiles()];
  const models = Array.from({ length: MODELS }, (_, index) => `model-${index}`);
  const started = await startBenchAgent(
    who,
    models.map((name) => ({ name, uri: files.uri(name, 1_000) })),
  );
  try {
    await started.ready();
    const readyMs = monotonicMs() - started.startedAt;
    await eventuallyTrue(`${who}’s agent has loaded its models`, () => server.loads.length >= MODELS);
    const idle = await idleFigures('agent', started.pid);
    const worked = afterWork ? await memoryAfterWork(started, files, server) : {};
    return { [names.readyTime('agent')]: readyMs, ...idle, ...worked };
  } finally {
    await started.stop();
    files.stop();
    server.stop();
  }
}

async function measureManager(who: Program): Promise<Sample> {
  const cluster = await startBenchCluster(who, { installed: true });
  try {
    await makePredictors(cluster, 1);
    await timeBurst(cluster, { models: MODELS, services: 1 }, () => undefined);
    const figures = await idleFigures('manager', cluster.managerPid);
    return { [names.readyTime('manager')]: cluster.readyMs, ...figures };
  } finally {
    await cluster.stop();
  }
}

async function idleFigures(what: 'agent' | 'manager', pid: number): Promise<Sample> {
  await settled(pid);
  const before = await cpuSeconds(pid);
  await sleep(CPU_SECONDS * 1_000);
  const used = (await cpuSeconds(pid)) - before;
  const { rss, pss, anonymous } = await memoryOf(pid);
  return {
    ...(what === 'agent' ? { [names.memoryFigure('anonymous memory', 'when idle')]: anonymous } : {}),
    [names.idleRss(what)]: rss,
    [names.idlePss(what)]: pss,
    [names.idleCpu(what)]: (used / CPU_SECONDS) * 1_000,
  };
}

/** The memory of an agent after requests, and after more loads. */
async function memoryAfterWork(
  { pid, port, apply }: BenchAgent,
  files: ModelFiles,
  server: BenchModelServer,
): Promise<Sample> {
  await runCaller({ ...inferenceOf(port, 'model-0'), connections: 4, count: REQUESTS });
  const afterTraffic = await memoryFigures(pid, names.AFTER_TRAFFIC);
  server.forget();
  const models = Array.from({ length: LOADS }, (_, index) => `later-${index}`);
  await apply(models.map((name) => ({ name, uri: files.uri(name, 1_000) })));
  await eventuallyTrue(`${LOADS} more models are loaded`, () => server.loads.length >= LOADS);
  return { ...afterTraffic, ...(await memoryFigures(pid, names.AFTER_LOADS)) };
}

async function memoryFigures(pid: number, when: string): Promise<Sample> {
  await settled(pid);
  const { rss, pss, anonymous } = await memoryOf(pid);
  return {
    [names.memoryFigure('RSS', when)]: rss,
    [names.memoryFigure('PSS', when)]: pss,
    [names.memoryFigure('anonymous memory', when)]: anonymous,
  };
}

/** Only ours, because KServe's images are not pulled. */
async function measureImage(): Promise<Sample> {
  const output = await mkdtemp(join(tmpdir(), 'kserve-mms-bench-image-'));
  try {
    const args = [IMAGE, '--allow-dirty', '--output', output];
    const { stderr } = await promisify(execFile)(process.execPath, args);
    const [, packed, unpacked] = /: ([\d.]+) MiB, unpacked ([\d.]+) MiB/.exec(stderr) ?? [];
    return { [names.IMAGE_PACKED]: Number(packed), [names.IMAGE_UNPACKED]: Number(unpacked) };
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}
