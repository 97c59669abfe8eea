import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMlserver, testMlserver, train } from '../../test/support/mlserver.ts';
import type { TestS3 } from '../../test/support/s3.ts';
import { startS3 } from '../../test/support/s3.ts';
import { startBenchAgent } from '../agents.ts';
import type { BenchAgent } from '../agents.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import { monotonicMs } from '../load/monotonic.ts';
import { MODEL_SERVER_PORT } from '../load/start-model-server.ts';
import { mlserverStartTime } from '../report/figure-names.ts';
import { PROGRAMS } from '../report/results.ts';
import type { Program } from '../report/results.ts';

const BUCKET = 'models';
/** A request for MLServer's index costs it one or two milliseconds, and a load more than a hundred. */
const LOOK_EVERY_MS = 100;
/** MLServer takes about 12 s for 90 models on two cores. */
const LONGEST_MS = 180_000;

/** From the start of an agent until a real MLServer has loaded all models from a real S3 server. */
export const mlserverStarts: Part = async ({ plan, record, say }) => {
  for (const count of plan.agent.mlserverStarts) {
    const trained = await trainModels(count);
    const name = mlserverStartTime(count);
    try {
      await alternate(PROGRAMS, plan.agent.rounds, async (who) => {
        const seconds = (await measureStart(who, trained)) / 1_000;
        record(who, { [name]: seconds });
        say(`${who}: ${name}: ${seconds.toFixed(1)}`);
      });
    } finally {
      await trained.stop();
    }
  }
};

/**
 * scikit-learn models as a team would store them: each with its MLServer settings, below one prefix of an S3 bucket.
 */
interface TrainedModels {
  readonly models: readonly { readonly name: string; readonly uri: string }[];
  readonly environment: TestS3['environment'];
  stop(): Promise<void>;
}

async function trainModels(count: number): Promise<TrainedModels> {
  const { python } = await testMlserver();
  const s3 = await startS3();
  const joblib = await train(python, 1);
  // All names have the same length, because KServe's agent takes every key that begins with a model's prefix for one
  // of its files.
  const names = Array.from({ length: count }, (_, index) => `model-${String(index).padStart(4, '0')}`);
  for (const name of names) {
    const parameters = { uri: './model.joblib' };
    const settings = { name, implementation: 'mlserver_sklearn.SKLearnModel', parameters };
    await s3.putObject(BUCKET, `${name}/model.joblib`, joblib);
    await s3.putObject(BUCKET, `${name}/model-settings.json`, JSON.stringify(settings));
  }
  return {
    models: names.map((name) => ({ name, uri: `s3://${BUCKET}/${name}` })),
    environment: s3.environment,
    stop: () => s3.stop(),
  };
}

/** Milliseconds from the start of an agent until a running MLServer has loaded all models. */
async function measureStart(who: Program, { models, environment }: TrainedModels): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-bench-'));
  const modelDir = join(root, 'models');
  const server = await startMlserver(modelDir, { port: MODEL_SERVER_PORT });
  try {
    await server.ready();
    const agent = await startBenchAgent(who, models, { modelDir, environment });
    try {
      return (await allReady(agent, models.length)) - agent.startedAt;
    } finally {
      await agent.stop();
    }
  } finally {
    await server.kill('SIGKILL');
    await rm(root, { recursive: true, force: true });
  }
}

/** Monotonic milliseconds; Infinity if they are never loaded. */
async function allReady({ startedAt, ended }: BenchAgent, count: number): Promise<number> {
  for (;;) {
    const loaded = await Promise.race([ended, readyModels()]);
    const now = monotonicMs();
    if (loaded === count) return now;
    if (now - startedAt > LONGEST_MS) return Infinity;
    await sleep(LOOK_EVERY_MS);
  }
}

async function readyModels(): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${MODEL_SERVER_PORT}/v2/repository/index`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"ready":true}' },
  });
  if (!answer.ok) throw new Error(`MLServer does not tell its models: ${await answer.text()}`);
  return ((await answer.json()) as unknown[]).length;
}
