import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identifyProcess, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const POLL_MS = 200;
/** A lock directory without a readable owner after this long was left by a process that died between two steps. */
const OWNERLESS_POLLS = 25;

/**
 * Runs `work` while no other process that uses the same lock runs its own. The lock is a directory, because making
 * one is atomic on every file system; the lock of a process that is gone is taken over. It spares doing the work
 * twice; the work itself must still finish with an atomic rename.
 */
export async function withLock<T>(lock: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  await acquire(lock, onWait);
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function acquire(lock: string, onWait: () => void): Promise<void> {
  let ownerless = 0;
  for (let polls = 0; !(await tryMakeDirectory(lock)); polls += 1) {
    if (polls === 0) onWait();
    const owner = await readOwner(lock);
    ownerless = owner === undefined ? ownerless + 1 : 0;
    const abandoned = owner === undefined ? ownerless > OWNERLESS_POLLS : !(await isAlive(owner));
    if (abandoned) await removeAbandoned(lock);
    else await sleep(POLL_MS);
  }
  await writeFile(join(lock, 'owner.json'), JSON.stringify(await identifyProcess(process.pid)));
}

async function tryMakeDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readOwner(lock: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner = JSON.parse(await readFile(join(lock, 'owner.json'), 'utf8')) as Partial<ProcessIdentity>;
    return typeof owner.pid === 'number' && typeof owner.startTime === 'string'
      ? { pid: owner.pid, startTime: owner.startTime }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of several that find it abandoned, the rename lets one succeed. */
async function removeAbandoned(lock: string): Promise<void> {
  const aside = `${lock}.abandoned-${process.pid}`;
  try {
    await rename(lock, aside);
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
