import { opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { within } from './held-directory.ts';

/** Enough to keep Node's file threads busy. */
const UNLINKED_AT_ONCE = 32;

/**
 * Removes whatever is at a path. Node's own `rm` reads all names of a directory and starts to remove all
 * of them at once: 99,000 files take 200 MiB and keep the event loop busy for more than a second. This takes a few at a
 * time, and moves nested directories to the top first, so that depth costs nothing either. Links are
 * removed, never followed.
 * @param path absolute, and without links on the way to it
 * @throws PlantedEntryError, and the file system's errors
 */
export async function removeTree(path: string): Promise<void> {
  await within(dirname(path), async (parent) => {
    const name = basename(path);
    if (!(await unlinked(join(parent, name)))) await removeDirectory(parent, name, path);
  }).catch(ignoreMissing);
}

async function removeDirectory(parent: string, name: string, path: string): Promise<void> {
  let lifted = 0;
  for (;;) {
    const found = await within(path, (top) =>
      removeFiles(top, async (inner) => {
        lifted = await removeLifting(top, path, inner, lifted);
      }),
    );
    try {
      await rmdir(join(parent, name));
      return;
    } catch (thrown) {
      // The file system omitted it while names were removed, or another process added it meanwhile.
      if (!isOccupied(thrown) || found === 0) throw thrown;
    }
  }
}

/**
 * Removes a directory of the top one. Its directories move to the top one, with numbers for names.
 * @param last the last number used. Returns the new last one.
 */
async function removeLifting(top: string, path: string, name: string, last: number): Promise<number> {
  let lifted = last;
  await within(join(path, name), (directory) =>
    removeFiles(directory, async (inner) => {
      lifted = await lift(join(directory, inner), top, lifted);
    }),
  );
  await rmdir(join(top, name)).catch((thrown: unknown) => {
    if (!isOccupied(thrown)) throw thrown;
  });
  return lifted;
}

/** Removes all entries but the directories. Returns how many entries of any kind there were. */
async function removeFiles(
  directory: string,
  eachDirectory: (name: string) => Promise<void>,
): Promise<number> {
  let found = 0;
  let batch: Promise<void>[] = [];
  for await (const entry of await opendir(directory)) {
    found += 1;
    if (entry.isDirectory()) await eachDirectory(entry.name);
    else batch.push(unlink(join(directory, entry.name)).catch(ignoreMissing));
    if (batch.length < UNLINKED_AT_ONCE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  return found;
}

/** Moves a directory to the top one, under the next free number. Returns that number. */
async function lift(from: string, top: string, last: number): Promise<number> {
  for (let number = last + 1; ; number += 1) {
    try {
      await rename(from, join(top, `.lifted-${number}`));
      return number;
    } catch (thrown) {
      // An earlier attempt, or the model, uses that name.
      if (!isOccupied(thrown) && (thrown as NodeJS.ErrnoException).code !== 'ENOTDIR') throw thrown;
    }
  }
}

/** False for a directory: unlink(2) fails with EISDIR on Linux, EPERM in POSIX. */
async function unlinked(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EISDIR' || code === 'EPERM') return false;
    throw thrown;
  }
}

function isOccupied(thrown: unknown): boolean {
  const { code } = thrown as NodeJS.ErrnoException;
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}

function ignoreMissing(thrown: unknown): void {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
}
