import { readdir } from 'node:fs/promises';
import type { Progress } from '../../../src/development/controlplane/progress.ts';
import { aptInstall } from '../../support/apt-install.ts';
import { findProgram } from '../../support/installed-program.ts';

/** A program that a node needs, and its package in Debian and Ubuntu. */
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
/** The paths of Debian's package and of the project's own releases. */
const CNI_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin'];

/** The programs found on the machine. */
export interface SystemPrograms {
  /** The directory of the CNI plugins. */
  readonly cniPlugins: string;
}

/**
 * Finds containerd, runc, the CNI plugins and others, and installs missing ones with apt-get. @throws with the remedy
 */
export async function systemPrograms(
  environment: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<SystemPrograms> {
  const missing = await missingPackages(environment);
  if (missing.length > 0) await aptInstall(missing, 'a node on this machine', environment, progress);
  const cniPlugins = await findCni();
  const still = await missingPackages(environment);
  if (still.length === 0 && cniPlugins !== undefined) return { cniPlugins };
  throw new Error(`a node needs ${still.join(', ')}, and apt-get did not bring it`);
}

async function missingPackages(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const missing = new Set<string>();
  for (const [command, name] of COMMANDS) {
    if ((await findProgram([command], environment)) === undefined) missing.add(name);
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
