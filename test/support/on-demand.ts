import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentSetup, startAgent, type TestAgent } from './agent.ts';
import { startMlserver, testMlserver, type TestMlserver, trainMany } from './mlserver.ts';
import { configured, type ConfiguredModel, mountConfig, type MountedConfig } from './mounted-config.ts';
import { startS3, type TestS3 } from './s3.ts';

const BUCKET = 'on-demand';
/** What each model is declared to take. */
export const MODEL_BYTES = 1024 * 1024;

/** A real MLServer that says how much memory it takes, a real S3 server with models of which each answers its own number, and agents. */
export interface OnDemandScene {
  readonly root: string;
  readonly modelDir: string;
  readonly config: MountedConfig;
  readonly server: TestMlserver;
  readonly s3: TestS3;
  /** The entries of models.json: `m1` answers 1, and so on. */
  readonly models: readonly ConfiguredModel[];
  start(flags: readonly string[], more?: Partial<AgentSetup>): Promise<TestAgent>;
  end(): Promise<void>;
}

/** The entry of a model under the files of another number. */
export function numbered(name: string, answer: number, memory = '1Mi'): ConfiguredModel {
  const { modelName, modelSpec } = configured(name, `s3://${BUCKET}/m${answer}`);
  return { modelName, modelSpec: { ...modelSpec, memory } };
}

export async function onDemandScene(count: number, ballast = 0): Promise<OnDemandScene> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-on-demand-'));
  const modelDir = join(root, 'models');
  const config = await mountConfig(join(root, 'configs'));
  const { python } = await testMlserver();
  const [server, s3, trained] = await Promise.all([
    startMlserver(modelDir, { environment: { MLSERVER_PARALLEL_WORKERS: '0' } }),
    startS3(),
    trainMany(python, count, ballast),
  ]);
  for (const [index, model] of trained.entries())
    await s3.putObject(BUCKET, `m${index + 1}/model.joblib`, model);
  const agents: TestAgent[] = [];
  return {
    ...{ root, modelDir, config, server, s3 },
    models: trained.map((_model, index) => numbered(`m${index + 1}`, index + 1)),
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

/** Whether every model of the status has been loaded once, and there are so many. */
export function allProved(count: number): (status: { models: readonly { phase: string }[] }) => boolean {
  return ({ models }) =>
    models.length === count && models.every(({ phase }) => ['Loaded', 'Standby', 'Remote'].includes(phase));
}

/** Names of a Zipf law: the first the most often. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const weights: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= count; rank++) weights.push((sum += 1 / rank ** exponent));
  return () => {
    const at = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
