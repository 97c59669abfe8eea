import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { messageOf } from '../../../src/core/errors.ts';
import { isExecutable } from '../../../src/controlplane/binary-cache.ts';
import type { Progress } from '../../../src/controlplane/progress.ts';
import { runProgram } from '../../../src/controlplane/run-program.ts';

/** A program that a node needs, and the package of Debian and Ubuntu that has it. */
const COMMANDS: readonly (readonly [command: string, package_: string])[] = [
  ['containerd', 'containerd'],
  ['ctr', 'containerd'],
  ['runc', 'runc'],
  ['iptables', 'iptables'],
  ['conntrack', 'conntrack'],
  ['ip', 'iproute2'],
  ['unshare', 'util-linux'],
];
const CNI_PACKAGE = 'containernetworking-plugins';
const CNI_PLUGINS = ['ptp', 'host-local', 'loopback'];
/** Debian's place, and that of the project's own releases. */
const CNI_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin'];

/** What was found on the machine. */
export interface SystemPrograms {
  /** The directory of the CNI plugins. */
  readonly cniPlugins: string;
}

/** Finds containerd, runc, the CNI plugins and so on, and installs with apt-get what is missing. @throws saying what to do */
export async function systemPrograms(
  environment: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<SystemPrograms> {
  const missing = await missingPackages(environment);
  if (missing.length > 0) await install(missing, environment, progress);
  const cniPlugins = await findCni();
  const still = await missingPackages(environment);
  if (still.length === 0 && cniPlugins !== undefined) return { cniPlugins };
  throw new Error(`a node needs ${still.join(', ')}, and apt-get did not bring it`);
}

async function install(
  packages: readonly string[],
  environment: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<void> {
  progress(`installing with apt-get, for a node on this machine: ${packages.join(' ')}`);
  const env = { ...environment, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args: string[]) => runProgram({ command: 'apt-get', args, environment: env });
  try {
    await run('update');
    await run('install', '-y', '--no-install-recommends', ...packages);
  } catch (thrown) {
    throw new Error(
      `the end-to-end tests need ${packages.join(', ')}, and apt-get could not install them. ` +
        `Install them by your system's own means, then run the tests again. ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

async function missingPackages({ PATH = '' }: NodeJS.ProcessEnv): Promise<string[]> {
  const missing = new Set<string>();
  for (const [command, name] of COMMANDS) {
    const places = PATH.split(delimiter).map((directory) => isExecutable(join(directory, command)));
    if (!(await Promise.all(places)).includes(true)) missing.add(name);
  }
  if ((await findCni()) === undefined) missing.add(CNI_PACKAGE);
  return [...missing];
}

async function findCni(): Promise<string | undefined> {
  for (const directory of CNI_DIRECTORIES) {
    const there: readonly string[] = await readdir(directory).catch(() => []);
    if (CNI_PLUGINS.every((plugin) => there.includes(plugin))) return directory;
  }
  return undefined;
}
