import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Milliseconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { withLock } from '../controlplane/lock.ts';
import { reporting } from '../controlplane/progress.ts';
import type { Progress } from '../controlplane/progress.ts';
import { runProgram } from '../controlplane/run-program.ts';

/** Written last: without it an environment is not whole. */
const MARKER = 'kserve-mms-complete';

/** What is to be installed, and where. */
export interface PythonEnvironmentOptions {
  /** The project's cache directory. */
  readonly cache: string;
  /** Its directory in the cache. */
  readonly name: string;
  readonly version: string;
  /** As pip takes them. */
  readonly requirements: readonly string[];
  /** For messages: `MLServer 1.7.1`. */
  readonly what: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
  /** How often it says that it goes on. */
  readonly every?: Milliseconds;
}

type PythonEnvironment =
  | { readonly kind: 'ready'; readonly directory: string; readonly python: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Finds a virtual environment in the cache, or installs it there with Python and pip, once. */
export async function pythonEnvironment(options: PythonEnvironmentOptions): Promise<PythonEnvironment> {
  const { cache, name, version, requirements, what } = options;
  const directory = join(cache, name, version);
  try {
    if (!(await isWhole(directory, requirements))) {
      await mkdir(join(cache, name), { recursive: true });
      const waiting = (): void => options.progress(`another process is installing ${what}; waiting for it`);
      await withLock(join(cache, name, '.lock'), waiting, async () => {
        if (!(await isWhole(directory, requirements))) await install(directory, options);
      });
    }
    return { kind: 'ready', directory, python: join(directory, 'bin/python') };
  } catch (thrown) {
    return { kind: 'unavailable', reason: messageOf(thrown) };
  }
}

async function isWhole(directory: string, requirements: readonly string[]): Promise<boolean> {
  try {
    return (await readFile(join(directory, MARKER), 'utf8')) === requirements.join('\n');
  } catch {
    return false;
  }
}

async function install(
  directory: string,
  { requirements, what, environment, progress, every }: PythonEnvironmentOptions,
): Promise<void> {
  progress(`installing ${what} with Python (some 40 s, once) …`);
  await rm(directory, { recursive: true, force: true });
  const args = ['install', '--quiet', '--disable-pip-version-check', ...requirements];
  const steps = async (): Promise<void> => {
    await runProgram({ command: 'python3', args: ['-m', 'venv', directory], environment });
    await runProgram({ command: join(directory, 'bin/pip'), args, environment });
  };
  await reporting(what, progress, steps, every);
  await writeFile(join(directory, MARKER), requirements.join('\n'));
}
