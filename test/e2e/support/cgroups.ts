import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventuallyTrue } from '../../support/eventually.ts';
import { exists } from '../../support/exists.ts';

const ROOT = '/sys/fs/cgroup';
/** This file exists only if the whole tree is of version 2. */
const UNIFIED = join(ROOT, 'cgroup.controllers');
/** Followed by the number of the owning process. */
const PREFIX = 'kserve-mms-e2e-';

/** The name of the parent cgroup of all pods in this run. */
export function cgroupName(owner: number): string {
  return `${PREFIX}${owner}`;
}

/** Creates it in every hierarchy of version 1 or 2. */
export async function makeCgroups(name: string): Promise<void> {
  await passControllersOn();
  for (const hierarchy of await hierarchies()) await mkdir(join(hierarchy, name), { recursive: true });
}

/** In version 2, a new cgroup has only the controllers that its parent passes on. Kubelet reports a missing one. */
async function passControllersOn(): Promise<void> {
  if (!(await exists(UNIFIED))) return;
  const controllers = (await readFile(UNIFIED, 'utf8')).trim().split(' ');
  for (const controller of controllers) {
    await writeFile(join(ROOT, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined);
  }
}

/** Removes the cgroup of this run, after its last process has ended. */
export async function removeCgroups(name: string): Promise<void> {
  await eventuallyTrue(`the cgroups ${name} are empty`, () => removeAll((found) => found === name), 10_000);
}

/** Removes the cgroups of runs that crashed. A cgroup with a process cannot be removed. */
export async function removeAbandonedCgroups(): Promise<void> {
  await removeAll((name) => name.startsWith(PREFIX));
}

async function removeAll(which: (name: string) => boolean): Promise<boolean> {
  let all = true;
  for (const hierarchy of await hierarchies()) {
    for (const name of (await directoriesIn(hierarchy)).filter(which)) {
      all = (await removeTree(join(hierarchy, name))) && all;
    }
  }
  return all;
}

async function removeTree(directory: string): Promise<boolean> {
  for (const name of await directoriesIn(directory)) await removeTree(join(directory, name));
  return rmdir(directory).then(
    () => true,
    () => false,
  );
}

async function hierarchies(): Promise<string[]> {
  if (await exists(UNIFIED)) return [ROOT];
  return (await directoriesIn(ROOT)).map((name) => join(ROOT, name));
}

async function directoriesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
