import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { freePort } from './server-process.ts';

/** uvloop 0.22 and later have no event loop in a forked worker, which MLServer 1.7.1 asks for. */
const REQUIREMENTS = ['mlserver==1.7.1', 'mlserver-sklearn==1.7.1', 'uvloop<0.22'];
const VERSION = '1.7.1';

/**
 * The directory of a Python environment with MLServer: from the cache, else made in it (about 40 s and 530 MB).
 * @throws when Python or pip fails; the message says what to do.
 */
async function environment(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kserve-mms', 'mlserver');
  const directory = join(cache, `${VERSION}-uvloop21`);
  const made = join(directory, 'complete');
  if (await exists(made)) return directory;
  process.stderr.write(`installing MLServer ${VERSION} into ${directory}, once; it takes about a minute\n`);
  await mkdir(cache, { recursive: true });
  // A virtual environment cannot be moved; a lock keeps test workers that start at once from making it twice.
  const lock = `${directory}.lock`;
  await takeLock(lock, () => exists(made));
  try {
    if (await exists(made)) return directory;
    await rm(directory, { recursive: true, force: true });
    await runTool('python3', ['-m', 'venv', directory]);
    await runTool(join(directory, 'bin', 'pip'), [
      'install',
      '--quiet',
      '--disable-pip-version-check',
      ...REQUIREMENTS,
    ]);
    await mkdir(made);
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
  return directory;
}

async function takeLock(lock: string, done: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const own = await mkdtemp(`${lock}.`);
    const taken = await rename(own, lock).then(
      () => true,
      () => false,
    );
    if (taken) return;
    await rm(own, { recursive: true });
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function runTool(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await Promise.race([
    once(child, 'exit'),
    once(child, 'error').then(() => ['not found']),
  ])) as [unknown];
  if (code === 0) return;
  throw new Error(
    `${command} ${args.join(' ')} failed (${String(code)}). Python 3.9 to 3.12 with pip and venv is needed.`,
  );
}

export interface TestMlserver {
  readonly port: number;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same ports. */
  restart(): Promise<void>;
  /** Resolves when it answers. */
  ready(): Promise<void>;
  /** A scikit-learn model that answers `answer` to everything, as the bytes of a model.joblib. */
  train(answer: number): Promise<Buffer>;
}

/** Starts MLServer as KServe's runtime does, with a directory as its repository; it is not waited for. */
export async function startMlserver(modelDir: string): Promise<TestMlserver> {
  const bin = join(await environment(), 'bin');
  await mkdir(modelDir, { recursive: true });
  const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const start = () =>
    spawn(join(bin, 'mlserver'), ['start', modelDir], {
      env: {
        ...process.env,
        MLSERVER_LOAD_MODELS_AT_STARTUP: 'false',
        MLSERVER_HOST: '127.0.0.1',
        MLSERVER_HTTP_PORT: String(port),
        MLSERVER_GRPC_PORT: String(grpc),
        MLSERVER_METRICS_PORT: String(metrics),
      },
      stdio: 'ignore',
      // It leaves a directory for its metrics where it starts.
      cwd: dirname(modelDir),
      // Its workers are processes of their own; they end with their group.
      detached: true,
    });
  let child = start();
  return {
    port,
    restart: () => {
      child = start();
      return Promise.resolve();
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
    train: (answer) => train(join(bin, 'python'), answer),
  };
}

const TRAIN = `
import io, sys, joblib
from sklearn.dummy import DummyClassifier
buffer = io.BytesIO()
joblib.dump(DummyClassifier(strategy="constant", constant=int(sys.argv[1])).fit([[0], [1]], [0, int(sys.argv[1])]), buffer)
sys.stdout.buffer.write(buffer.getvalue())
`;

async function train(python: string, answer: number): Promise<Buffer> {
  const child = spawn(python, ['-c', TRAIN, String(answer)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error('the model could not be trained');
  return Buffer.concat(chunks);
}

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/v2/health/live`).then(
    ({ ok }) => ok,
    () => false,
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
