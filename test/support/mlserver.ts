import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { cacheDirectory } from '../../src/cli/binary-options.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { mlserverEnvironment } from '../../src/development/demo/mlserver-environment.ts';

/** The MLServer of the demo. @throws when Python cannot install it: the agent's tests need a real model server */
export async function testMlserver(): Promise<{ readonly python: string; readonly mlserver: string }> {
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const cache = cacheDirectory(process.env);
  const found = await mlserverEnvironment({ cache, environment: process.env, progress });
  if (found.kind === 'ready') return found;
  throw new Error(`MLServer cannot be had; Python 3.9 to 3.12 with pip and venv is needed. ${found.reason}`);
}

export interface TestMlserver {
  readonly port: number;
  readonly metricsPort: number;
  pid(): number;
  readonly grpcPort: number;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when its first process has ended. */
  ended(): Promise<void>;
  /** Starts it again on the same ports. */
  restart(): Promise<void>;
  /** Resolves when it answers. */
  ready(): Promise<void>;
}

/**
 * Starts MLServer as KServe's runtime does, with a directory as its repository, without waiting for it.
 * @param options.port a free port by default
 */
export async function startMlserver(
  modelDir: string,
  {
    port: wanted,
    environment = {},
  }: { readonly port?: number; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<TestMlserver> {
  const { mlserver } = await testMlserver();
  await mkdir(modelDir, { recursive: true });
  const [free = 0, grpc = 0, metrics = 0] = await freePorts(3);
  const port = wanted ?? free;
  const start = () =>
    spawn(mlserver, ['start', modelDir], {
      env: {
        ...process.env,
        MLSERVER_LOAD_MODELS_AT_STARTUP: 'false',
        MLSERVER_HOST: '127.0.0.1',
        MLSERVER_HTTP_PORT: String(port),
        MLSERVER_GRPC_PORT: String(grpc),
        MLSERVER_METRICS_PORT: String(metrics),
        ...environment,
      },
      stdio: 'ignore',
      // It writes directories for metrics and environments to its working directory.
      cwd: dirname(modelDir),
      // Its workers are separate processes, which end with their process group.
      detached: true,
    });
  let child = start();
  return {
    port,
    metricsPort: metrics,
    pid: () => child.pid ?? 0,
    grpcPort: grpc,
    restart: () => {
      child = start();
      return Promise.resolve();
    },
    ended: async () => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    kill: async (signal) => {
      const exited = once(child, 'exit');
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-(child.pid ?? 0), signal);
      await exited;
    },
    ready: async () => {
      while (!(await answers(port))) {
        if (child.exitCode !== null) throw new Error(`MLServer ended with ${child.exitCode}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
}

const TRAIN = `
import io, sys, joblib
from sklearn.dummy import DummyClassifier
buffer = io.BytesIO()
joblib.dump(DummyClassifier(strategy="constant", constant=int(sys.argv[1])).fit([[0], [1]], [0, int(sys.argv[1])]), buffer)
sys.stdout.buffer.write(buffer.getvalue())
`;

/** A scikit-learn model that answers `answer` to everything, as the bytes of a model.joblib. */
export async function train(python: string, answer: number): Promise<Buffer> {
  const child = spawn(python, ['-c', TRAIN, String(answer)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error('the model could not be trained');
  return Buffer.concat(chunks);
}

const TRAIN_MANY = `
import io, sys, struct, joblib, numpy
from sklearn.dummy import DummyClassifier
count, kept, swells = map(int, sys.argv[1:])
class Swelling:
    def __reduce__(self):
        return numpy.ones, (swells // 8,)
for answer in range(1, count + 1):
    buffer = io.BytesIO()
    model = DummyClassifier(strategy="constant", constant=answer).fit([[0], [1]], [0, answer])
    model.ballast = Swelling() if swells > 0 else numpy.random.bytes(kept)
    joblib.dump(model, buffer)
    sys.stdout.buffer.write(struct.pack(">I", len(buffer.getvalue())) + buffer.getvalue())
`;

/** The additional memory of models. */
interface Ballast {
  /** Bytes that are in the file too. */
  readonly kept?: number;
  /** Bytes that the model allocates during its load; its file is small. */
  readonly swells?: number;
}

/** This many models of {@link train}, which answer 1, 2, 3 and so on. */
export async function trainMany(
  python: string,
  count: number,
  { kept = 0, swells = 0 }: Ballast = {},
): Promise<Buffer[]> {
  const args = ['-c', TRAIN_MANY, ...[count, kept, swells].map(String)];
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error('the models could not be trained');
  const all = Buffer.concat(chunks);
  const models: Buffer[] = [];
  for (let at = 0; at < all.length;) {
    const length = all.readUInt32BE(at);
    models.push(all.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return models;
}

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/v2/health/live`).then(
    ({ ok }) => ok,
    () => false,
  );
}
