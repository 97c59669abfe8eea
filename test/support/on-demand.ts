import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentSetup, startAgent, type TestAgent } from './agent.ts';
import { startMlserver, testMlserver, type TestMlserver, trainMany } from './mlserver.ts';
import { configured, type ConfiguredModel, mountConfig, type MountedConfig } from './mounted-config.ts';
import { startS3, type TestS3 } from './s3.ts';
import { type SlowModel, slowModelFile, slowRuntime } from './slow-runtime.ts';

const BUCKET = 'on-demand';
/** The declared memory of each model. */
export const MODEL_BYTES = 1024 * 1024;

/** A real MLServer that reports its memory, a real S3 server with models that answer their own number, and agents. */
export interface OnDemandScene {
  readonly root: string;
  readonly modelDir: string;
  readonly config: MountedConfig;
  readonly server: TestMlserver;
  readonly s3: TestS3;
  /** The entries of models.json: `m1` answers 1, and so on. */
  readonly models: readonly ConfiguredModel[];
  /** See {@link SlowRuntime}. */
  unloadedInUse(): Promise<readonly string[]>;
  start(flags: readonly string[], more?: Partial<AgentSetup>): Promise<TestAgent>;
  end(): Promise<void>;
}

/** The entry of a model with the files of another number. */
export function numbered(name: string, answer: number, memory = '1Mi'): ConfiguredModel {
  const { modelName, modelSpec } = configured(name, `s3://${BUCKET}/m${answer}`);
  return { modelName, modelSpec: { ...modelSpec, memory } };
}

interface SceneModels {
  /** Additional bytes that each model keeps in memory. */
  readonly ballast?: number;
  /** The same, without a size on disk. */
  readonly swells?: number;
  /** MLServer's environment, in addition to the scene's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Slow models instead of scikit-learn's. */
  readonly slow?: (answer: number) => SlowModel;
}

export async function onDemandScene(
  count: number,
  { ballast = 0, swells = 0, slow, environment = {} }: SceneModels = {},
): Promise<OnDemandScene> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-on-demand-'));
  const modelDir = join(root, 'models');
  const config = await mountConfig(join(root, 'configs'));
  const { python } = await testMlserver();
  const runtime = await slowRuntime(root);
  const [server, s3, files] = await Promise.all([
    startMlserver(modelDir, {
      environment: { ...runtime.environment, MLSERVER_PARALLEL_WORKERS: '0', ...environment },
    }),
    startS3(),
    slow === undefined ? trainMany(python, count, { kept: ballast, swells }) : slowModels(count, slow),
  ]);
  const file = slow === undefined ? 'model.joblib' : 'model-settings.json';
  for (const [index, content] of files.entries())
    await s3.putObject(BUCKET, `m${index + 1}/${file}`, content);
  const agents: TestAgent[] = [];
  return {
    ...{ root, modelDir, config, server, s3, unloadedInUse: runtime.unloadedInUse },
    models: files.map((_file, index) => numbered(`m${index + 1}`, index + 1)),
    start: async (flags, more = {}) => {
      const probe = { httpGet: { path: '/v2/health/ready', port: server.port } };
      const metrics = `http://127.0.0.1:${server.metricsPort}`;
      const agent = await startAgent({
        ...{ configDir: config.directory, modelDir, componentPort: server.port },
        env: { ...s3.environment, SERVING_READINESS_PROBE: JSON.stringify(probe) },
        flags: ['--residency', 'on-demand', '--mlserver-metrics-url', metrics, ...flags],
        ...more,
      });
      agents.push(agent);
      return agent;
    },
    end: async () => {
      for (const agent of agents) {
        if (agent.process.exitCode === null && agent.process.signalCode === null) await agent.kill('SIGKILL');
      }
      await server.kill('SIGKILL');
      await s3.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function slowModels(count: number, slow: (answer: number) => SlowModel): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(slowModelFile(slow(index + 1))));
}

/** Whether the status has this many models and each has been loaded once. */
export function allProved(count: number): (status: { models: readonly { phase: string }[] }) => boolean {
  return ({ models }) =>
    models.length === count && models.every(({ phase }) => ['Loaded', 'Standby', 'Remote'].includes(phase));
}

/** A metric of an agent without labels; 0 if it does not exist. */
export async function metricOf({ statusPort }: TestAgent, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}
