import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { closeSync, constants, fsync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, milliseconds } from '../../lib/clock.ts';
import type { Marker } from './contract.ts';

/**
 * Flushes every file of a tree and then marks it, so that no power cut leaves a marker on a partial tree. The names need no
 * flush of their own: the file systems that volumes of nodes are on (ext4, XFS, btrfs) write them in the order they were made
 * in, or with the file. Nor does the marker: lost or empty it is none, and the model is fetched once more.
 */
export type Seal = (tree: Unsealed, marker: Marker) => Promise<void>;

/** The top of the tree, and all the files in it, by paths of this process. */
interface Unsealed {
  readonly root: string;
  readonly files: readonly string[];
}

/** A tree that takes longer to flush does not hold up those that come after it. */
const LONGEST_ROUND = milliseconds(100);
/** Of one tree. */
const FILES_AT_ONCE = 16;

const flush = promisify(fsync);

/**
 * Makes a `Seal` for trees that come in numbers. They are flushed in rounds: who comes during one waits for the next. A file
 * system writes its journal once for all that ask at the same time, and makes everybody else wait meanwhile; 90 small
 * models flushed as they come take it three times as long.
 */
export function createSeal(clock: Clock): Seal {
  let waiting: (() => Promise<void>)[] = [];
  let running = false;
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
  const flushed = (files: readonly string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push(() => flushAll(files).then(resolve, reject));
      if (running) return;
      running = true;
      void rounds();
    });
  return async ({ root, files }, marker) => {
    await flushed(files);
    writeFileSync(join(root, marker.name), marker.content, { mode: 0o666, flag: 'wx' });
  };
}

async function flushAll(files: readonly string[]): Promise<void> {
  const queue = files.values();
  const worker = async (): Promise<void> => {
    for (const path of queue) await flushFile(path);
  };
  await Promise.all(Array.from({ length: Math.min(FILES_AT_ONCE, files.length) }, worker));
}

async function flushFile(path: string): Promise<void> {
  // A pipe that another container puts in the file's place would be waited for.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await flush(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
