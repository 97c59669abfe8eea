import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isModelName } from '../core/desired-models.ts';
import { type ModelSpec } from '../core/model-config.ts';
import { MARKER_PREFIX, readMarker, specHash } from '../core/model-marker.ts';
import { type LoadedNotes, openLoadedNotes } from './loaded-notes.ts';

/**
 * The agent's own corner of the model directory: on the same filesystem, so that a rename puts a version in place, and
 * hidden, so that MLServer's search for model-settings.json (Python's glob) passes it by.
 */
const CONTROL_DIRECTORY = '.kserve-mms';
const LOADED_NOTES = 'loaded.jsonl';

/** What a restarted agent finds of one model. */
export interface StoredModel {
  /** The version in place; undefined when there is none or its marker is missing or wrong. */
  readonly stored: ModelSpec | undefined;
  readonly previous: ModelSpec | undefined;
  /** The hash of the version that was last seen loaded, if nothing was put in place since. */
  readonly loadedHash: string | undefined;
}

/**
 * The model directory. `<model-dir>/<name>` holds a complete version with a marker or nothing of ours; versions get
 * there and away by rename alone, so that no crash leaves a marker on a partial tree. Renames are not flushed: one that a
 * power cut undoes costs a download, no more.
 */
export interface ModelStore {
  /** Clears what a crash left, and says what is there. Call it once, before anything else. */
  recover(): Promise<ReadonlyMap<string, StoredModel>>;
  /** The directory of the version in place, as the model server sees it when it shares the mount. */
  pathOf(name: string): string;
  /** A path below the staging directory that does not exist yet. */
  newStagingPath(name: string): string;
  /** Puts a sealed tree in place; what was there is kept as the previous version, or thrown away. */
  install(name: string, path: string, keepPrevious: boolean): Promise<void>;
  /** Throws the version in place away and puts the previous one back. */
  goBack(name: string): Promise<void>;
  discardPrevious(name: string): Promise<void>;
  discard(path: string): Promise<void>;
  noteLoaded(name: string, spec: ModelSpec): Promise<void>;
  /** Removes every trace of a model. */
  remove(name: string): Promise<void>;
  /** To be called last. */
  close(): Promise<void>;
}

/** Opens the store below an absolute model directory; both it and the control directory are made when needed. */
export async function openModelStore(modelDir: string): Promise<ModelStore> {
  const control = join(modelDir, CONTROL_DIRECTORY);
  const corner: Corner = (kind, name = '') => join(control, kind, name);
  for (const kind of ['staging', 'previous', 'trash'] as const) {
    await mkdir(corner(kind), { recursive: true });
  }
  let serial = 0;
  const unique = (name: string) => `${name}.${process.pid}.${++serial}`;
  const pathOf = (name: string) => join(modelDir, name);
  // What is known not to be there need not be removed: at a start with many models that is most of the work.
  const notes = await openLoadedNotes(join(control, LOADED_NOTES));
  const previous = new Set<string>();

  const discard = async (path: string) => {
    const trash = corner('trash', unique('x'));
    if (await moved(path, trash)) await rm(trash, { recursive: true, force: true });
  };
  const discardPrevious = async (name: string) => {
    if (!previous.has(name)) return;
    await discard(corner('previous', name));
    previous.delete(name);
  };

  return {
    pathOf,
    discard,
    discardPrevious,
    newStagingPath: (name) => corner('staging', unique(name)),
    recover: async () => {
      const found = await recover(modelDir, corner, notes);
      for (const name of await readdir(corner('previous'))) previous.add(name);
      return found;
    },
    install: async (name, path, keepPrevious) => {
      await notes.drop(name);
      if (keepPrevious) {
        await discardPrevious(name);
        previous.add(name);
        await moved(pathOf(name), corner('previous', name));
      }
      if (!(await movedToFree(path, pathOf(name)))) {
        await discard(pathOf(name));
        await rename(path, pathOf(name));
      }
    },
    goBack: async (name) => {
      await notes.drop(name);
      await discard(pathOf(name));
      await rename(corner('previous', name), pathOf(name));
      previous.delete(name);
    },
    noteLoaded: (name, spec) => notes.put(name, specHash(spec)),
    remove: async (name) => {
      await notes.drop(name);
      await discardPrevious(name);
      await discard(pathOf(name));
    },
    close: notes.close,
  };
}

type Corner = (kind: 'staging' | 'previous' | 'trash', name?: string) => string;

async function recover(
  modelDir: string,
  corner: Corner,
  notes: LoadedNotes,
): Promise<ReadonlyMap<string, StoredModel>> {
  for (const kind of ['staging', 'trash'] as const) {
    for (const left of await readdir(corner(kind)))
      await rm(corner(kind, left), { recursive: true, force: true });
  }
  for (const name of await readdir(corner('previous'))) {
    // The agent died between the two renames of an update: the old version goes back.
    if (!(await exists(join(modelDir, name)))) await moved(corner('previous', name), join(modelDir, name));
  }
  const entries = await readdir(modelDir, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && isModelName(entry.name))
    .map(({ name }) => name);
  const found = await Promise.all(
    names.map(async (name): Promise<[string, StoredModel]> => {
      const [stored, previous] = await Promise.all([
        markedSpec(join(modelDir, name)),
        markedSpec(corner('previous', name)),
      ]);
      return [name, { stored, previous, loadedHash: notes.hashOf(name) }];
    }),
  );
  // A directory without our marks may be anyone's: it is left alone until a model of that name is wanted.
  return new Map(found.filter(([, model]) => model.stored !== undefined || model.previous !== undefined));
}

/** The spec on a tree's marker; undefined unless there is exactly one readable marker. */
async function markedSpec(directory: string): Promise<ModelSpec | undefined> {
  const names = await readdir(directory).catch(() => []);
  const [marker, ...more] = names.filter((name) => name.startsWith(MARKER_PREFIX));
  if (marker === undefined || more.length > 0) return undefined;
  return readMarker(await readFile(join(directory, marker), 'utf8').catch(() => ''));
}

/** Renames a directory to a path where nothing, or only an empty directory, is; false when something else is there. */
async function movedToFree(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (thrown) {
    if (OCCUPIED.has((thrown as NodeJS.ErrnoException).code ?? '')) return false;
    throw thrown;
  }
}

/** What rename(2) says of a target that is a directory with something in it, or no directory. */
const OCCUPIED: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR']);

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Renames if there is something to rename. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw thrown;
  }
}
