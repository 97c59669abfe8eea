/**
 * From the start of the agent's process to the load of the last of so many small models, beside KServe's agent, in
 * alternating runs: `node bench/agent-start.mts [models] [rounds]`. Needs dist/, KServe's agent and a free port 8080.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mountConfigMap } from '../src/demo/config-map-mount.ts';
import { KSERVE_VERSION, kservePrograms } from '../test/support/kserve-programs.ts';
import { residentMib } from '../test/support/process-memory.ts';
import { alternate, tableOf } from './alternate.ts';
import type { Contender } from './alternate.ts';
import { startModelEndpoints } from './model-endpoints.ts';
import type { ModelEndpoints } from './model-endpoints.ts';

/** The only port that KServe's agent looks for a model server at. */
const MODEL_SERVER_PORT = 8080;
const PORT = '18081';
const STATUS_PORT = '18082';
const LIMIT_MS = 60_000;
/** After the last load, until the process is looked at as one that idles: the agent's puller lives for 10 s. */
const IDLE_AFTER_MS = 12_000;
const OUR_AGENT = fileURLToPath(new URL('../dist/agent.js', import.meta.url));
const OUR_NODE_FLAGS = ['--max-semi-space-size=1', '--v8-pool-size=1'];

const [models = '90', rounds = '5'] = process.argv.slice(2);
const endpoints = await startModelEndpoints(MODEL_SERVER_PORT);
const kserve = process.env['KSERVE_AGENT'] ?? (await kservePrograms()).agent;
const contenders: Contender[] = [
  {
    name: `KServe ${KSERVE_VERSION}`,
    run: () => measure((args) => spawn(kserve, args, { env: environment(), stdio: 'ignore' })),
  },
  {
    name: 'kserve-mms',
    run: () =>
      measure((args) => {
        const all = [...OUR_NODE_FLAGS, OUR_AGENT, ...args, '--status-port', STATUS_PORT];
        return spawn(process.execPath, all, { env: environment(), stdio: 'ignore' });
      }),
  },
];
process.stdout.write(`${tableOf(await alternate(contenders, Number(rounds)))}\n`);
endpoints.close();

function environment(): NodeJS.ProcessEnv {
  const probe = { tcpSocket: { port: MODEL_SERVER_PORT, host: '127.0.0.1' }, successThreshold: 1 };
  return { ...process.env, SERVING_READINESS_PROBE: JSON.stringify(probe) };
}

async function measure(start: (args: string[]) => ChildProcess): Promise<Record<string, number>> {
  endpoints.forget();
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-bench-'));
  const [configDir, modelDir] = [join(root, 'configs'), join(root, 'models')];
  await mkdir(modelDir);
  const mount = await mountConfigMap(configDir);
  await mount.update({ 'models.json': JSON.stringify(modelSet(endpoints, Number(models))) });
  const places = ['--config-dir', configDir, '--model-dir', modelDir];
  const ports = ['--component-port', String(MODEL_SERVER_PORT), '--port', PORT];
  const startedAt = performance.now();
  const agent = start(['--enable-puller', ...places, ...ports]);
  const ended = once(agent, 'exit');
  try {
    const lastLoad = await Promise.race([allLoaded(startedAt + LIMIT_MS), ended.then(endedEarly)]);
    await sleep(IDLE_AFTER_MS);
    return { 'start to last load, ms': lastLoad - startedAt, 'idle, MiB': await residentMib(agent.pid ?? 0) };
  } finally {
    agent.kill('SIGKILL');
    await ended;
    await rm(root, { recursive: true, force: true });
  }
}

function endedEarly([code, signal]: unknown[]): never {
  throw new Error(`the agent ended with ${String(code ?? signal)} before it had loaded the models`);
}

function modelSet({ files }: ModelEndpoints, count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    modelName: `model-${index}`,
    modelSpec: { storageUri: `${files}/model-${index}/weights.bin`, framework: 'sklearn', memory: '1Mi' },
  }));
}

async function allLoaded(deadline: number): Promise<number> {
  while (endpoints.loads.size < Number(models)) {
    if (performance.now() > deadline)
      throw new Error(`only ${endpoints.loads.size} of ${models} were loaded`);
    await sleep(5);
  }
  return Math.max(...endpoints.loads.values());
}
