import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Hidden, so that MLServer's search for model-settings.json (Python's glob) passes it by. */
const NAME = '.kserve-mms';

/** What is kept in it: versions not yet in place, those before the ones in place, and what is being deleted. */
export type Corner = 'staging' | 'previous' | 'trash';
const CORNERS: readonly Corner[] = ['staging', 'previous', 'trash'];

/**
 * The agent's own corner of the model directory: on the same file system, so that a rename puts a version in place. It
 * is there only while something is in it: KServe's Python servers (`load_models` of kserve 0.17.0) load each directory
 * that they find at their start, hidden or not, and end at the first that holds no model.
 */
export interface ControlDirectory {
  path(corner: Corner, name: string): string;
  /** Says that something will be at a path of it, which has its directory then until it is released. */
  hold(path: string): Promise<void>;
  /** Nothing is there any more; with the last one all of it goes. Any other path is nothing to it. */
  release(path: string): Promise<void>;
  /** Clears what a killed agent left, but for the previous versions; resolves with the names of these. */
  clear(): Promise<readonly string[]>;
}

export function controlDirectory(modelDir: string): ControlDirectory {
  const root = join(modelDir, NAME);
  const held = new Set<string>();
  /** At first it may have been left by a killed agent. */
  let there: 'all' | 'perhaps' | 'none' = 'perhaps';
  let turning: Promise<void> = Promise.resolve();

  /** Makes or removes it, by what is held when the turn comes. */
  const settle = async (): Promise<void> => {
    if (held.size > 0 && there !== 'all') {
      for (const corner of CORNERS) await mkdir(join(root, corner), { recursive: true });
      there = 'all';
    } else if (held.size === 0 && there !== 'none') {
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
      there = 'none';
    }
  };
  const turn = (): Promise<void> => {
    const next = turning.then(settle);
    turning = next.catch(() => {
      there = 'perhaps';
    });
    return next;
  };

  return {
    path: (corner, name) => join(root, corner, name),
    hold: async (path) => {
      held.add(path);
      try {
        await turn();
      } catch (thrown) {
        held.delete(path);
        throw thrown;
      }
    },
    // What was to be done is done; what cannot be removed now is removed by the next one.
    release: async (path) => {
      if (held.delete(path)) await turn().catch(() => undefined);
    },
    clear: async () => {
      const previous = await readdir(join(root, 'previous')).catch(() => []);
      if (previous.length === 0) await turn();
      for (const corner of ['staging', 'trash'])
        await rm(join(root, corner), { recursive: true, force: true });
      return previous;
    },
  };
}
