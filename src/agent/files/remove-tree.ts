import { opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { within } from './held-directory.ts';

/** Enough to keep the threads busy that Node has for files. */
const UNLINKED_AT_ONCE = 32;

/**
 * Removes whatever is at a path, if anything is. Node's own `rm` reads all names of a directory and starts to remove all
 * of them at once: 99,000 files take 200 MiB and keep the event loop busy for more than a second. This takes a few at a
 * time, and directories within directories are lifted to the top first, so that depth costs nothing either. Links are
 * removed, never followed.
 * @param path absolute, and without links on the way to it
 * @throws PlantedEntryError, and what the file system says
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
      // What a file system left out while names went from the directory, or somebody put there meanwhile.
      if (!isOccupied(thrown) || found === 0) throw thrown;
    }
  }
}

/**
 * Removes a directory of the top one; the directories in it become the top one's, with numbers for names.
 * @param last the last number given; returns the last one given then.
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

/** Removes all but the directories in a directory; returns how many entries of any kind there were. */
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

/** Gives a directory the next free number for a name in the top one; returns that number. */
async function lift(from: string, top: string, last: number): Promise<number> {
  for (let number = last + 1; ; number += 1) {
    try {
      await rename(from, join(top, `.lifted-${number}`));
      return number;
    } catch (thrown) {
      // A name that an earlier attempt, or the model, has.
      if (!isOccupied(thrown) && (thrown as NodeJS.ErrnoException).code !== 'ENOTDIR') throw thrown;
    }
  }
}

/** False for a directory: unlink(2) says EISDIR on Linux, EPERM as POSIX has it. */
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
