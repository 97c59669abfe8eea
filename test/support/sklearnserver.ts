import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDirectory } from '../../src/cli/binary-options.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { pythonEnvironment } from '../../src/development/demo/python-environment.ts';
import { kserveModule, KSERVE_VERSION } from './kserve-programs.ts';

const VERSION = KSERVE_VERSION.replace('v', '');
/**
 * KServe's Python SDK is on PyPI. Its sklearnserver, whose pyproject.toml requires scikit-learn 1.5, is not; it is
 * taken from KServe's Go module, which contains all of KServe's files.
 */
const REQUIREMENTS = [`kserve==${VERSION}`, 'scikit-learn==1.5.2'];
/** The restart delay of kubelet in these tests. */
const RESTART_AFTER_MS = 1_000;

/** The command of its program: `python -m sklearnserver`. */
interface Sklearnserver {
  readonly python: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Takes about 40 s and 630 MB, once. It installs all dependencies of the SDK: the server imports all large ones, and a
 * shorter list of ours would have to follow KServe's.
 *
 * @throws when Python or Go cannot install it: the agent's tests need a real model server
 */
export async function testSklearnserver(): Promise<Sklearnserver> {
  const found = await pythonEnvironment({
    ...{ name: 'sklearnserver', version: VERSION, requirements: REQUIREMENTS },
    what: `KServe's Python servers ${VERSION}`,
    cache: cacheDirectory(process.env),
    environment: process.env,
    progress: (line) => void process.stderr.write(`${line}\n`),
  });
  if (found.kind === 'unavailable') {
    throw new Error(
      `KServe's Python server cannot be had; Python 3.10 to 3.12 with pip and venv is needed. ${found.reason}`,
    );
  }
  const sources = join(await kserveModule(), 'python');
  const path = [join(sources, 'sklearnserver'), join(sources, 'storage')].join(':');
  // Go's module cache is read-only, and must not get compiled files.
  const environment = { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' };
  return { python: found.python, environment };
}

export interface TestSklearnserver {
  readonly port: number;
  /** The number of starts. It restarts whenever it ends, as under kubelet. */
  starts(): number;
  /** Kills it, like a node that runs out of memory. */
  crash(): Promise<void>;
  /** Stops it without a restart. */
  stop(): Promise<void>;
}

/**
 * Starts sklearnserver as KServe's runtime does (config/runtimes/kserve-sklearnserver.yaml), without waiting for it.
 */
export async function startSklearnserver(modelDir: string, atPort?: number): Promise<TestSklearnserver> {
  const { python, environment } = await testSklearnserver();
  await mkdir(modelDir, { recursive: true });
  const [free = 0, grpc = 0] = await freePorts(2);
  const port = atPort ?? free;
  const args = ['--model_name=flowers', `--model_dir=${modelDir}`];
  args.push(`--http_port=${port}`, `--grpc_port=${grpc}`);
  const keeper = keepRunning(() =>
    spawn(python, ['-m', 'sklearnserver', ...args], {
      env: environment,
      stdio: 'ignore',
      cwd: dirname(modelDir),
    }),
  );
  return { port, ...keeper };
}

/** Restarts a program whenever it ends, as kubelet does with a container. */
function keepRunning(start: () => ChildProcess): Omit<TestSklearnserver, 'port'> {
  const stopping = new AbortController();
  let starts = 0;
  let child: ChildProcess | undefined;
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      starts += 1;
      child = start();
      await once(child, 'exit');
      await sleep(RESTART_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    starts: () => starts,
    crash: async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      stopping.abort();
      child?.kill('SIGKILL');
      await running;
    },
  };
}
