import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../src/development/controlplane/ports.ts';
import { ALLOCATOR } from '../src/agent/puller/allocator.decide.ts';
import { mountConfigMap } from '../src/development/demo/config-map-mount.ts';
import { AGENT, NODE_FLAGS } from '../test/support/agent.ts';
import { eventually } from '../test/support/eventually.ts';
import { kservePrograms } from '../test/support/kserve-programs.ts';
import { monotonicMs } from './load/monotonic.ts';
import { MODEL_SERVER_PORT } from './load/start-model-server.ts';
import type { Program } from './report/results.ts';

/** An agent as in a pod, beside the benchmark's model server. */
export interface BenchAgent {
  readonly pid: number;
  readonly port: number;
  /** The port of our agent's status and metrics. */
  readonly statusPort: number;
  /** Monotonic milliseconds, just before the start. */
  readonly startedAt: number;
  /**
   * Writes this models.json to the mounted ConfigMap. Resolves with the time just before it, in monotonic
   * milliseconds.
   */
  apply(models: readonly BenchModel[]): Promise<number>;
  /** Resolves once kubelet's probe gets 200. */
  ready(): Promise<void>;
  /** An early end of the agent is an error. */
  readonly ended: Promise<never>;
  /** Ends the process, and keeps its files until `stop`. */
  halt(): Promise<void>;
  stop(): Promise<void>;
}

export interface BenchModel {
  readonly name: string;
  readonly uri: string;
}

interface Surroundings {
  /** The model server's model directory; a new directory by default. */
  readonly modelDir?: string;
  /** The credentials that the webhook gives to the container. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Additional arguments of the agent. */
  readonly flags?: readonly string[];
}

export async function startBenchAgent(
  contender: Program,
  models: readonly BenchModel[],
  surroundings: Surroundings = {},
): Promise<BenchAgent> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-bench-'));
  const { modelDir = join(root, 'models'), environment = {}, flags = [] } = surroundings;
  const configDir = join(root, 'configs');
  await mkdir(modelDir, { recursive: true });
  const mount = await mountConfigMap(configDir);
  const apply = async (wanted: readonly BenchModel[]): Promise<number> => {
    // Taken before the swap, because an agent may notice the swap before this process continues.
    const at = monotonicMs();
    await mount.update({ 'models.json': modelsJson(wanted) });
    return at;
  };
  await apply(models);
  const [port = 0, statusPort = 0] = await freePorts(2);
  const places = ['--config-dir', configDir, '--model-dir', modelDir];
  const args = [
    '--enable-puller',
    ...places,
    '--component-port',
    String(MODEL_SERVER_PORT),
    '--port',
    String(port),
    ...flags,
  ];
  const [command, before, after, own] = await commandOf(contender, statusPort);
  const probe = { tcpSocket: { port: MODEL_SERVER_PORT, host: '127.0.0.1' }, successThreshold: 1 };
  const env = { ...process.env, ...own, ...environment, SERVING_READINESS_PROBE: JSON.stringify(probe) };
  const startedAt = monotonicMs();
  const child = spawn(command, [...before, ...args, ...after], { env, stdio: 'ignore' });
  const exit = once(child, 'exit');
  const ended = exit.then(([code, signal]: unknown[]) => {
    throw new Error(`the agent of ${contender} ended early with ${String(code ?? signal)}`);
  });
  ended.catch(() => undefined);
  const halt = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  return {
    ...{ pid: child.pid ?? 0, port, statusPort, startedAt, apply, ended },
    ready: () => Promise.race([ended, eventually(() => probeOnce(port), 60_000, 5)]),
    halt,
    async stop() {
      await halt();
      await rm(root, { recursive: true, force: true });
    },
  };
}

type Command = readonly [
  command: string,
  before: readonly string[],
  after: readonly string[],
  environment: Readonly<Record<string, string>>,
];

async function commandOf(contender: Program, statusPort: number): Promise<Command> {
  if (contender === 'kserve') return [(await kservePrograms()).agent, [], [], {}];
  // The image's own command and environment, except for its path.
  return [process.execPath, [...NODE_FLAGS, AGENT], ['--status-port', String(statusPort)], ALLOCATOR];
}

function modelsJson(models: readonly BenchModel[]): string {
  return JSON.stringify(
    models.map(({ name, uri }) => ({
      modelName: name,
      modelSpec: { storageUri: uri, framework: 'sklearn', memory: '1Mi' },
    })),
  );
}

async function probeOnce(port: number): Promise<void> {
  const headers = { 'K-Network-Probe': 'queue' };
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers, signal: AbortSignal.timeout(2_000) });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`the agent is not ready: ${answer.status}`);
}
