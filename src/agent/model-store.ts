import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isModelName } from './config/desired-models.decide.ts';
import type { ModelSpec } from '../contract/model-config.ts';
import { isMarkerName, markerContent, markerName, readMarker, specHash } from '../contract/model-marker.ts';
import type { Clock } from '../lib/clock.ts';
import { type ControlDirectory, controlDirectory } from './control-directory.ts';
import { within } from './files/held-directory.ts';
import { makeDirectory } from './files/make-directory.ts';
import { move, readPlainFile } from './files/own-files.ts';
import { removeTree } from './files/remove-tree.ts';
import { treeBytes } from './files/tree-bytes.ts';
import { createCommitTree } from './commit-tree.ts';
import { type SleepingFiles, sleepingFiles } from './sleeping-files.ts';
import { openLoadedNotes } from './loaded-notes.ts';

/** A file, so that no model server takes it for a model. The control directory does not always exist. */
const LOADED_NOTES = '.kserve-mms-loaded.jsonl';

/** What a restarted agent finds of one model. */
export interface StoredModel {
  /** The version in place. Undefined if there is none or its marker is missing or wrong. */
  readonly stored: ModelSpec | undefined;
  readonly previous: ModelSpec | undefined;
  /** The stored version is hidden from the model server. */
  readonly parked: boolean;
  /** The hash of the version last seen loaded, unless other files were put in place since. */
  readonly loadedHash: string | undefined;
}

/**
 * The model directory. `<model-dir>/<name>` holds a complete version or nothing of ours. Versions arrive and leave by
 * rename only. The marker is written when the version in place is flushed to disk, so that no crash leaves a marker on
 * a partial tree. Renames are not flushed: if a power cut undoes one, the cost is a download.
 */
export interface ModelStore {
  /** Cleans up after a crash, and returns what exists. Call it once, before anything else. */
  recover(): Promise<ReadonlyMap<string, StoredModel>>;
  /** The directory of the version in place, as the model server sees it if it shares the mount. */
  pathOf(name: string): string;
  /** A new path below the staging directory. `install` or `discard` ends its use. */
  newStagingPath(name: string): Promise<string>;
  /** Puts a complete tree in place. The version there is kept as the previous one, or deleted. */
  install(name: string, path: string, keepPrevious: boolean): Promise<void>;
  /** Flushes the version in place to disk and marks it. An agent fetches unmarked versions again. */
  commit(name: string, spec: ModelSpec): Promise<void>;
  /** Deletes the version in place and puts the previous one back. */
  goBack(name: string): Promise<void>;
  discardPrevious(name: string): Promise<void>;
  /** Removes a tree, if there is one. */
  discard(path: string): Promise<void>;
  /** Moves the version in place out of the model server's sight, and back. */
  park(name: string): Promise<void>;
  unpark(name: string): Promise<void>;
  /** Deletes all files of a model. The note that it has loaded stays. */
  evict(name: string): Promise<void>;
  /** Bytes of the version in place, or of the sleeping one. Undefined if neither can be read. */
  bytesOf(name: string): Promise<number | undefined>;
  /** The hash of the version last seen loaded, whether or not its files still exist. */
  notedHash(name: string): string | undefined;
  /** Records, for the next agent, that the model server has the version in place. */
  noteLoaded(name: string, spec: ModelSpec): Promise<void>;
  /** Removes every trace of a model. */
  remove(name: string): Promise<void>;
  /** Call it last: waits until the versions in place are committed. */
  close(): Promise<void>;
}

/** A marker is a model's spec, and specs are short. */
const LONGEST_MARKER_BYTES = 64 * 1024;

/**
 * Opens the store below an absolute model directory, and makes that if needed. The model server's container may put
 * anything into the directory: links in it are replaced or removed, never followed.
 * @throws ModelDirectoryError
 */
export async function openModelStore(wanted: string, clock: Clock): Promise<ModelStore> {
  const modelDir = makeDirectory(wanted);
  const control = controlDirectory(modelDir);
  const pathOf = (name: string) => join(modelDir, name);
  let serial = 0;
  const unique = (name: string) => `${name}.${process.pid}.${++serial}`;
  const notes = await openLoadedNotes(join(modelDir, LOADED_NOTES));
  const commits = createCommits(clock);
  const discard = (path: string) => throwAway(control, path, control.path('trash', unique('x')));
  const previous = previousVersions(modelDir, control, discard);
  const sleeping = sleepingFiles(modelDir, control, {
    discard,
    put: (tree, path) => put(tree, path, discard),
  });
  const discardAll = async (name: string) => {
    await previous.discard(name);
    await sleeping.discard(name);
    await discard(pathOf(name));
  };

  return {
    ...{ pathOf, discard, discardPrevious: previous.discard },
    newStagingPath: async (name) => {
      const path = control.path('staging', unique(name));
      await control.hold(path);
      return path;
    },
    recover: () => recoverAll({ modelDir, control, previous, sleeping, hashOf: notes.hashOf }),
    notedHash: notes.hashOf,
    park: sleeping.park,
    unpark: sleeping.unpark,
    evict: discardAll,
    bytesOf: (name) => treeBytes(sleeping.has(name) ? sleeping.pathOf(name) : pathOf(name)),
    install: async (name, path, keep) => {
      try {
        await notes.drop(name);
        if (keep) await previous.keep(name);
        await put(path, pathOf(name), discard);
      } finally {
        // The load need not wait until the control directory is removed, and is requested in this turn; reporting the model as
        // loaded does wait.
        commits.after(nextTurn().then(() => control.release(path)));
      }
    },
    commit: (name, spec) => commits.commit(pathOf(name), spec),
    goBack: async (name) => {
      await notes.drop(name);
      await discard(pathOf(name));
      await previous.putBack(name);
    },
    noteLoaded: (name, spec) => notes.put(name, specHash(spec)),
    remove: async (name) => {
      await notes.drop(name);
      await discardAll(name);
    },
    close: async () => {
      await commits.settled();
      await notes.close();
    },
  };
}

/** The markers of versions in place, written while these load. */
interface Commits {
  commit(path: string, spec: ModelSpec): Promise<void>;
  /** The next commit also waits for this. */
  after(work: Promise<void>): void;
  settled(): Promise<void>;
}

function createCommits(clock: Clock): Commits {
  const commit = createCommitTree(clock);
  const running = new Set<Promise<void>>();
  let before: Promise<void> = Promise.resolve();
  return {
    commit: async (path, spec) => {
      const committed = commit(path, { name: markerName(spec), content: markerContent(spec) });
      const both = Promise.all([committed, before]).then(() => undefined);
      running.add(both);
      await both.finally(() => running.delete(both));
    },
    after: (work) => {
      before = work;
    },
    settled: async () => {
      await Promise.allSettled([...running, before]);
    },
  };
}

/** The versions that were in place before the current ones, kept until the current ones have loaded. */
interface PreviousVersions {
  pathOf(name: string): string;
  adopt(names: readonly string[]): void;
  /** Makes the version in place the previous one. */
  keep(name: string): Promise<void>;
  putBack(name: string): Promise<void>;
  discard(name: string): Promise<void>;
}

function previousVersions(
  modelDir: string,
  control: ControlDirectory,
  discard: (path: string) => Promise<void>,
): PreviousVersions {
  // Skip removals of what cannot exist: at a start with many models they are most of the work.
  const kept = new Set<string>();
  const pathOf = (name: string) => control.path('previous', name);
  const discardOne = async (name: string): Promise<void> => {
    if (!kept.has(name)) return;
    await discard(pathOf(name));
    kept.delete(name);
  };
  return {
    pathOf,
    discard: discardOne,
    adopt: (names) => {
      for (const name of names) kept.add(name);
    },
    keep: async (name) => {
      await discardOne(name);
      await control.hold(pathOf(name));
      kept.add(name);
      moved(join(modelDir, name), pathOf(name));
    },
    putBack: async (name) => {
      move(pathOf(name), join(modelDir, name));
      kept.delete(name);
      await control.release(pathOf(name));
    },
  };
}

/** A rename to the trash empties the path at once, however long the deletion takes. */
async function throwAway(control: ControlDirectory, path: string, trash: string): Promise<void> {
  await control.hold(trash);
  try {
    if (moved(path, trash)) await removeTree(trash);
  } finally {
    await control.release(path);
    await control.release(trash);
  }
}

interface Found {
  readonly modelDir: string;
  readonly control: ControlDirectory;
  readonly previous: PreviousVersions;
  readonly sleeping: SleepingFiles;
  readonly hashOf: (name: string) => string | undefined;
}

async function recoverAll({ modelDir, control, previous, sleeping, hashOf }: Found) {
  const left = await control.clear();
  previous.adopt(await recoverPrevious(modelDir, control, left.previous));
  const found = await recoverModels(modelDir, previous.pathOf, hashOf);
  sleeping.adopt(left.asleep);
  return addSleeping(found, left.asleep, sleeping, hashOf);
}

/** Resolves with the models whose previous version is still kept. */
async function recoverPrevious(
  modelDir: string,
  control: ControlDirectory,
  names: readonly string[],
): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const name of names) {
    const path = control.path('previous', name);
    // The agent died between the two renames of an update: the old version goes back.
    if (await exists(join(modelDir, name))) {
      kept.push(name);
      continue;
    }
    moved(path, join(modelDir, name));
    await control.release(path);
  }
  return kept;
}

async function recoverModels(
  modelDir: string,
  previousOf: (name: string) => string,
  loadedHashOf: (name: string) => string | undefined,
): Promise<Map<string, StoredModel>> {
  const found = new Map<string, StoredModel>();
  for await (const entry of await opendir(modelDir, { bufferSize: 256 })) {
    const { name } = entry;
    if (!entry.isDirectory() || !isModelName(name)) continue;
    const stored = await markedSpec(join(modelDir, name));
    const previous = await markedSpec(previousOf(name));
    // A directory without our marker may belong to someone else: it stays until a model of that name is desired.
    if (stored === undefined && previous === undefined) continue;
    found.set(name, { stored, previous, parked: false, loadedHash: loadedHashOf(name) });
  }
  return found;
}

async function addSleeping(
  found: Map<string, StoredModel>,
  names: readonly string[],
  sleeping: SleepingFiles,
  loadedHashOf: (name: string) => string | undefined,
): Promise<ReadonlyMap<string, StoredModel>> {
  for (const name of names) {
    // The version in place wins: one rename hides a model, so the other copy is older.
    const stored = found.has(name) ? undefined : await markedSpec(sleeping.pathOf(name));
    if (stored === undefined || !isModelName(name)) await sleeping.discard(name);
    else found.set(name, { stored, previous: undefined, parked: true, loadedHash: loadedHashOf(name) });
  }
  return found;
}

/** The spec in a tree's marker. Undefined unless there is exactly one readable marker. */
async function markedSpec(directory: string): Promise<ModelSpec | undefined> {
  return within(directory, async (held) => {
    const markers: string[] = [];
    for await (const { name } of await opendir(held)) {
      if (isMarkerName(name)) markers.push(name);
      // The agent never writes two. The other comes from elsewhere, and which one is unknown.
      if (markers.length > 1) return undefined;
    }
    const [marker] = markers;
    if (marker === undefined) return undefined;
    return readMarker((await readPlainFile(join(held, marker), LONGEST_MARKER_BYTES)) ?? '');
  }).catch(() => undefined);
}

/** Renames a tree to a path. `discard` removes whatever is there. */
async function put(tree: string, path: string, discard: (path: string) => Promise<void>): Promise<void> {
  if (movedToFree(tree, path)) return;
  await discard(path);
  move(tree, path);
}

/** Renames a directory to a path that does not exist, or is an empty directory. False if something else is there. */
function movedToFree(from: string, to: string): boolean {
  try {
    move(from, to);
    return true;
  } catch (thrown) {
    if (OCCUPIED.has((thrown as NodeJS.ErrnoException).code ?? '')) return false;
    throw thrown;
  }
}

/** The errors of rename(2) for a target that is a non-empty directory, or not a directory. */
const OCCUPIED: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR']);

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Renames if there is something to rename. */
function moved(from: string, to: string): boolean {
  try {
    move(from, to);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw thrown;
  }
}
