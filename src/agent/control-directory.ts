import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { holdDirectory, holdInside } from './files/held-directory.ts';
import { PlantedEntryError } from './files/planted-entry.ts';
import { removeTree } from './files/remove-tree.ts';

/** Hidden, so that MLServer's search for model-settings.json (Python's glob) passes it by. */
const NAME = '.kserve-mms';

/**
 * What is kept in it: versions not yet in place, those before the ones in place, the models that sleep, and what is being
 * deleted.
 */
type ControlSubdir = 'staging' | 'previous' | 'asleep' | 'trash';

/**
 * The agent's own corner of the model directory: on the same file system, so that a rename puts a version in place. It
 * is there only while something is in it: KServe's Python servers (`load_models` of kserve 0.17.0) load each directory
 * that they find at their start, hidden or not, and end at the first that holds no model. The model server's container
 * shares the volume: a link or a file that it puts in its place is removed, and never followed.
 */
export interface ControlDirectory {
  path(corner: ControlSubdir, name: string): string;
  /** Says that something will be at a path of it, which has its directory then until it is released. */
  hold(path: string): Promise<void>;
  /** Nothing is there any more; with the last one all of it goes. Any other path is nothing to it. */
  release(path: string): Promise<void>;
  /** Clears what a killed agent left, but for previous versions and sleeping models, which it holds; resolves with their names. */
  clear(): Promise<Left>;
}

/** What a killed agent left that counts, by the corner it is in. */
interface Left {
  readonly previous: readonly string[];
  readonly asleep: readonly string[];
}

/** @param modelDir absolute and without links */
export function controlDirectory(modelDir: string): ControlDirectory {
  const root = join(modelDir, NAME);
  const held = new Set<string>();
  const key = (path: string): string => keyBelow(root, path);
  /** At first it may have been left by a killed agent. */
  let there: 'perhaps' | 'none' = 'perhaps';
  let turning: Promise<void> = Promise.resolve();

  /** Makes the corner of a path, or removes all of it, by what is held when the turn comes. */
  const settle = async (path?: string): Promise<void> => {
    if (held.size > 0) {
      if (path !== undefined && !isOurs(dirname(path))) await make(modelDir, basename(dirname(path)));
      there = 'perhaps';
    } else if (there !== 'none') {
      await removeTree(root);
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
    // What was to be done is done; what cannot be removed now is removed by the next one.
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
 * A path below `root` without it. It is copied, since V8 keeps the parts that a text was joined from: with 10,000 models asleep
 * their whole paths took 4 MiB.
 */
function keyBelow(root: string, path: string): string {
  const start = `${root}/`;
  return path.startsWith(start) ? Buffer.from(path.slice(start.length)).toString() : path;
}

/** Makes the directory and a corner of it; whatever else is in their place goes. */
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

async function replaced<T>(path: string, hold: () => T): Promise<T> {
  try {
    return hold();
  } catch (thrown) {
    if (!(thrown instanceof PlantedEntryError)) throw thrown;
    await removeTree(path);
    return hold();
  }
}

/** Whether a directory is there, with no link on the way. */
function isOurs(path: string): boolean {
  try {
    holdDirectory(path).close();
    return true;
  } catch {
    return false;
  }
}
