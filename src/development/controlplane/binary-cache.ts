import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { guardDirectory } from './guard.ts';
import { compareVersions, formatVersion, parseReleaseVersion } from './version.ts';
import type { MinorVersion, ReleaseVersion } from './version.ts';

/** The programs of a control plane; kubectl is for its users, and not needed to run one. */
export const REQUIRED_PROGRAMS = ['etcd', 'kube-apiserver'] as const;
export const OPTIONAL_PROGRAMS = ['kubectl'] as const;

/** The names of the required programs that are not executable files in the directory. */
export async function missingPrograms(directory: string): Promise<string[]> {
  const checks = REQUIRED_PROGRAMS.map(async (name) =>
    (await isExecutable(join(directory, name))) ? [] : [name],
  );
  return (await Promise.all(checks)).flat();
}

/** The newest complete directory of the wanted minor release in the cache. */
export async function lookUpMinor(cache: string, wanted: MinorVersion): Promise<string | undefined> {
  const names = await readdir(cache).catch(() => []);
  const versions = names
    .map(parseReleaseVersion)
    .filter((version) => version !== undefined)
    .filter((version) => version.major === wanted.major && version.minor === wanted.minor)
    .sort((a, b) => compareVersions(b, a));
  for (const version of versions) {
    const directory = await lookUpVersion(cache, version);
    if (directory !== undefined) return directory;
  }
  return undefined;
}

/** The cache's directory of exactly this version, when it is complete. */
export async function lookUpVersion(cache: string, version: ReleaseVersion): Promise<string | undefined> {
  const directory = join(cache, formatVersion(version));
  return (await missingPrograms(directory)).length === 0 ? directory : undefined;
}

/**
 * Lets `fill` put the programs into a new directory and then moves that into the cache in one step, so that the
 * cache never holds half of a version. Nothing is left behind when `fill` fails or this process is killed.
 */
export async function addToCache(
  cache: string,
  version: ReleaseVersion,
  fill: (directory: string, workDirectory: string) => Promise<void>,
): Promise<string> {
  await mkdir(cache, { recursive: true });
  const workDirectory = await mkdtemp(join(cache, '.work-'));
  const guard = guardDirectory(workDirectory, 'temporary');
  try {
    const filled = join(workDirectory, 'bin');
    await mkdir(filled);
    await fill(filled, workDirectory);
    for (const name of await readdir(filled)) await chmod(join(filled, name), 0o755);
    return await moveInto(cache, version, filled, workDirectory);
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
    await guard.dismiss();
  }
}

async function moveInto(cache: string, version: ReleaseVersion, filled: string, workDirectory: string) {
  const target = join(cache, formatVersion(version));
  if ((await lookUpVersion(cache, version)) !== undefined) return target;
  await rename(target, join(workDirectory, 'incomplete')).catch(() => undefined);
  try {
    await rename(filled, target);
  } catch (error) {
    // Another process was first; its files are as good as these.
    if ((await lookUpVersion(cache, version)) === undefined) throw error;
  }
  return target;
}

/** Whether there is a file that may be run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
