import { rmdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { holdDirectory, holdExisting, holdInside, withHeld } from './files/held-directory.ts';
import { PlantedEntryError } from './files/planted-entry.ts';
import { removeTree } from './files/remove-tree.ts';

/** Hidden, so that MLServer's search for model-settings.json (Python's glob) skips it. */
const NAME = '.kserve-mms';

/**
 * Its contents: versions that are not in place yet, the versions before those in place, sleeping models, and trees
 * being deleted.
 */
type ControlSubdir = 'staging' | 'previous' | 'asleep' | 'trash';

/**
 * The agent's own directory in the model directory: on the same file system, so that a rename puts a version in place.
 * It exists only while it is needed: KServe's Python servers (`load_models` of kserve 0.17.0) load each directory that
 * they find at start, hidden or not, and exit at the first without a model. The model server's container shares the
 * volume: a link or a file that it puts in this place is removed, and never followed.
 */
export interface ControlDirectory {
  path(corner: ControlSubdir, name: string): string;
  /** Reserves a path below the directory, which exists until the path is released. */
  hold(path: string): Promise<void>;
  /** Releases a path. With the last one the directory is removed. Paths outside the directory are ignored. */
  release(path: string): Promise<void>;
  /**
   * Deletes what a killed agent left. Previous versions and sleeping models stay, are reserved, and are returned by
   * name.
   */
  clear(): Promise<Left>;
}

/** The models that a killed agent left, by subdirectory. */
interface Left {
  readonly previous: readonly string[];
  readonly asleep: readonly string[];
}

/** @param modelDir absolute and without links */
export function controlDirectory(modelDir: string): ControlDirectory {
  const root = join(modelDir, NAME);
  const held = new Set<string>();
  const key = (path: string): string => keyBelow(root, path);
  /** At first a killed agent may have left it. */
  let there: 'perhaps' | 'none' = 'perhaps';
  /** The subdirectories made since it was last removed. */
  const made = new Set<string>();
  let turning: Promise<void> = Promise.resolve();

  /** Makes the subdirectory of a path, or removes everything, depending on the reservations when its turn comes. */
  const settle = async (path?: string): Promise<void> => {
    if (held.size > 0) {
      if (path !== undefined && !isOurs(dirname(path))) {
        await make(modelDir, basename(dirname(path)));
        made.add(basename(dirname(path)));
      }
      there = 'perhaps';
    } else if (there !== 'none') {
      if (!removedEmpty(modelDir, made)) await removeTree(root);
      made.clear();
      there = 'none';
    }
  };
  const turn = (path?: string): Promise<void> => {
    const next = turning.then(() => settle(path));
    turning = next.catch(() => {
      there = 'perhaps';
    });
    return next;
  };

  const entriesOf = async (corner: ControlSubdir): Promise<string[]> =>
    isOurs(join(root, corner)) ? readdir(join(root, corner)) : [];

  return {
    path: (corner, name) => join(root, corner, name),
    hold: async (path) => {
      held.add(key(path));
      try {
        await turn(path);
      } catch (thrown) {
        held.delete(key(path));
        throw thrown;
      }
    },
    // The work itself is done. What cannot be removed now, the next removal deletes.
    release: async (path) => {
      if (held.delete(key(path))) await turn().catch(() => undefined);
    },
    clear: async () => {
      const [previous, asleep] = await Promise.all([entriesOf('previous'), entriesOf('asleep')]);
      for (const name of previous) held.add(key(join(root, 'previous', name)));
      for (const name of asleep) held.add(key(join(root, 'asleep', name)));
      if (held.size > 0) for (const corner of ['staging', 'trash']) await removeTree(join(root, corner));
      await turn();
      return { previous, asleep };
    },
  };
}

/**
 * A path relative to `root`. It is copied, since V8 keeps the strings that a string was joined from: with 10,000 models
 * asleep their full paths took 4 MiB.
 */
function keyBelow(root: string, path: string): string {
  const start = `${root}/`;
  return path.startsWith(start) ? Buffer.from(path.slice(start.length)).toString() : path;
}

/** Makes the directory and one subdirectory. Anything else in their place is removed. */
async function make(modelDir: string, corner: string): Promise<void> {
  const top = holdDirectory(modelDir);
  try {
    const root = await replaced(join(modelDir, NAME), () => holdInside(top, NAME));
    try {
      (await replaced(join(modelDir, NAME, corner), () => holdInside(root, corner))).close();
    } finally {
      root.close();
    }
  } finally {
    top.close();
  }
}

/**
 * Removes the directory if it has only these subdirectories, and they are empty: nearly always. Synchronous, since the
 * next reservation waits for it, and handing it to other threads takes most of a millisecond.
 */
function removedEmpty(modelDir: string, corners: Iterable<string>): boolean {
  try {
    withHeld(holdDirectory(modelDir), (top) => {
      withHeld(holdExisting(top, NAME), (root) => {
        for (const corner of corners) rmdirSync(join(root.path, corner));
      });
      rmdirSync(join(top.path, NAME));
    });
    return true;
  } catch {
    return false;
  }
}

async function replaced<T>(path: string, hold: () => T): Promise<T> {
  try {
    return hold();
  } catch (thrown) {
    if (!(thrown instanceof PlantedEntryError)) throw thrown;
    await removeTree(path);
    return hold();
  }
}

/** Whether a directory exists there, with no link on the way. */
function isOurs(path: string): boolean {
  try {
    holdDirectory(path).close();
    return true;
  } catch {
    return false;
  }
}
