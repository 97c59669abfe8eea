import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { withLock } from '../controlplane/lock.ts';
import { runProgram } from '../controlplane/run-program.ts';

/** The model server that the demo and the agent's tests run: https://mlserver.readthedocs.io */
const VERSION = '1.7.1';
/** uvloop 0.22 and later have no event loop in a forked worker, which this MLServer asks for. */
const REQUIREMENTS = [`mlserver==${VERSION}`, `mlserver-sklearn==${VERSION}`, 'uvloop<0.22'];
/** Written last: without it an environment is not whole. */
const MARKER = 'kserve-mms-complete';

export interface MlserverEnvironmentOptions {
  /** The project's cache directory. */
  readonly cache: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: (line: string) => void;
}

export type MlserverEnvironment =
  | { readonly kind: 'ready'; readonly python: string; readonly mlserver: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Finds MLServer in the cache, or installs it there with Python and pip; some 40 s and half a gigabyte, once. */
export async function mlserverEnvironment(options: MlserverEnvironmentOptions): Promise<MlserverEnvironment> {
  const directory = join(options.cache, 'mlserver', VERSION);
  const ready = {
    kind: 'ready',
    python: join(directory, 'bin/python'),
    mlserver: join(directory, 'bin/mlserver'),
  } as const;
  try {
    if (await isWhole(directory)) return ready;
    await mkdir(join(options.cache, 'mlserver'), { recursive: true });
    const waiting = (): void => options.progress('another process is installing MLServer; waiting for it');
    await withLock(join(options.cache, 'mlserver', '.lock'), waiting, async () => {
      if (!(await isWhole(directory))) await install(directory, options);
    });
    return ready;
  } catch (thrown) {
    return { kind: 'unavailable', reason: messageOf(thrown) };
  }
}

async function isWhole(directory: string): Promise<boolean> {
  try {
    return (await readFile(join(directory, MARKER), 'utf8')) === REQUIREMENTS.join('\n');
  } catch {
    return false;
  }
}

async function install(
  directory: string,
  { environment, progress }: MlserverEnvironmentOptions,
): Promise<void> {
  progress(`installing MLServer ${VERSION} with Python (some 40 s, once) …`);
  await rm(directory, { recursive: true, force: true });
  await runProgram({ command: 'python3', args: ['-m', 'venv', directory], environment });
  const pip = join(directory, 'bin/pip');
  await runProgram({
    command: pip,
    args: ['install', '--quiet', '--disable-pip-version-check', ...REQUIREMENTS],
    environment,
  });
  await writeFile(join(directory, MARKER), REQUIREMENTS.join('\n'));
}
