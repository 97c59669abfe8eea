import { closeSync, constants, fsync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NO_MORE_WAITING } from '../lib/abort.ts';
import { type Clock, milliseconds } from '../lib/clock.ts';
import { filesBelow } from './files/files-below.ts';
import { type HeldDirectory, holdDirectory } from './files/held-directory.ts';
import { createSlots, type Slots } from './slots.ts';

/** The file at the top of a tree that marks it as complete. It is written after everything else is safely on disk. */
interface Marker {
  readonly name: string;
  readonly content: string;
}

/**
 * Flushes every file of a tree and then marks it, so that no power cut leaves a marker on a partial tree. The names need no
 * flush of their own: the file systems of node volumes (ext4, XFS, btrfs) write them in the order of their creation,
 * or with the file. Nor does the marker: if it is lost or empty, the model is fetched again.
 *
 * The model server may read the tree meanwhile, and does: a model loads while it is committed, and is reported as loaded
 * when both are done. If the agent ends in between, the cost is another download.
 */
type CommitTree = (directory: string, marker: Marker) => Promise<void>;

/** A tree that takes longer to flush does not hold up the next ones. */
const LONGEST_ROUND = milliseconds(100);
/** Fewer than the threads for files (agent-main.ts), so that other work need not wait for the disk. */
const FLUSHES_AT_ONCE = 8;

const NEVER = new AbortController().signal;

const flush = promisify(fsync);

/**
 * Makes a `CommitTree` for many trees. They are flushed in rounds: a tree that comes during one waits for the next. A file
 * system writes its journal once for all concurrent flushes, and blocks everyone else meanwhile. 90 small
 * models flushed as they come take it three times as long.
 */
export function createCommitTree(clock: Clock): CommitTree {
  let waiting: (() => Promise<void>)[] = [];
  let running = false;
  const flushes = createSlots(FLUSHES_AT_ONCE);
  const rounds = async (): Promise<void> => {
    while (waiting.length > 0) {
      const round = waiting;
      waiting = [];
      const done = new AbortController();
      void Promise.all(round.map((start) => start())).then(() => done.abort(NO_MORE_WAITING));
      await clock.sleep(LONGEST_ROUND, done.signal);
    }
    running = false;
  };
  const flushed = (tree: HeldDirectory): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push(() => flushTree(tree.path, flushes).then(resolve, reject));
      if (running) return;
      running = true;
      // Its load is requested in this turn, and the flush in the next: handing it to a thread takes as long as a request.
      setImmediate(() => void rounds());
    });
  return async (directory, marker) => {
    // Held open: if another tree is put in its place meanwhile, that one is not marked.
    const tree = holdDirectory(directory);
    try {
      await flushed(tree);
      writeFileSync(join(tree.path, marker.name), marker.content, { mode: 0o666, flag: 'wx' });
    } finally {
      tree.close();
    }
  };
}

/** While a tree is flushed its settings for MLServer are written, hidden and shown: a file may have another name than a moment before. */
const WALKS = 10;

async function flushTree(top: string, flushes: Slots): Promise<void> {
  for (let walk = 1; ; walk++) {
    try {
      await flushAll(top, flushes);
      return;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' || walk === WALKS) throw thrown;
    }
  }
}

async function flushAll(top: string, flushes: Slots): Promise<void> {
  const files = filesBelow(top);
  const worker = async (): Promise<void> => {
    for (const path of files) {
      const slot = await flushes.take(NEVER);
      await flushFile(path).finally(() => slot?.release());
    }
  };
  await Promise.all(Array.from({ length: FLUSHES_AT_ONCE }, worker));
}

async function flushFile(path: string): Promise<void> {
  // Do not wait for a pipe that another container puts in the file's place.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await flush(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
