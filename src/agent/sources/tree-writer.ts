import { closeSync, openSync, write, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isMarkerName } from '../../contract/model-marker.ts';
import { type HeldDirectory, holdInside } from '../files/held-directory.ts';
import { DuplicateEntryError, LimitExceededError, UnsafePathError } from './errors.ts';
import { printable } from './redact.ts';
import { checkRelativePath } from './relative-path.ts';
import type { ModelLimits } from './settings.ts';

/**
 * Fills one new directory with plain files and directories only, all of them inside it. An artifact made from another
 * agent's model directory may contain its markers. They are skipped: a marker says what this agent has fetched.
 */
export interface TreeWriter {
  /**
   * @param name as the archive or listing spells it.
   * @throws UnsafePathError, DuplicateEntryError, LimitExceededError, or what `content` throws.
   */
  writeFile(
    name: string,
    content: AsyncIterable<Uint8Array>,
    options?: { executable?: boolean },
  ): Promise<void>;
  addDirectory(name: string): void;
  /** Written so far. */
  readonly totals: { readonly files: number; readonly bytes: number };
  /** Closes the directory that was written to last. */
  close(): void;
}

const writePart = promisify(write);

/**
 * @param root an empty directory. The model server's container may put links into it, which are not followed.
 * @param onBytes called with every chunk as it goes to disk.
 */
export function createTreeWriter(
  root: HeldDirectory,
  limits: ModelLimits,
  onBytes: (bytes: number) => void,
): TreeWriter {
  const entries = createEntryRegister(limits);
  const directories = createDirectories(root);
  let files = 0;
  let bytes = 0;

  async function* counted(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > limits.maxBytes) {
        throw new LimitExceededError(
          `the model is larger than ${limits.maxBytes} bytes, the limit for one model`,
        );
      }
      onBytes(chunk.length);
      yield chunk;
    }
  }

  return {
    writeFile: async (name, content, { executable = false } = {}) => {
      const path = safePath(name);
      if (path === '') throw new UnsafePathError(`'${printable(name)}' names no file`);
      if (isForeignMarker(path)) return drain(counted(content));
      entries.add(path, 'file');
      const directory = directories.at(dirname(path));
      // `wx` lets the file system detect the remaining duplicates, also where it ignores case.
      const file = openSync(join(directory.path, basename(path)), 'wx', executable ? 0o755 : 0o644);
      try {
        await writeAll(file, counted(content), () => bytes <= WRITTEN_AT_ONCE_BYTES);
      } finally {
        closeSync(file);
      }
      files += 1;
    },
    addDirectory: (name) => {
      const path = safePath(name);
      if (path === '' || isForeignMarker(path)) return;
      entries.add(path, 'directory');
      directories.at(path);
    },
    close: directories.close,
    get totals() {
      return { files, bytes };
    },
  };
}

/** Whether a name is another agent's marker at the top of the model, or below such a marker that is a directory. */
export function isForeignMarker(name: string): boolean {
  const [top = ''] = name.replace(/^(?:\.?\/)+/, '').split('/', 1);
  return isMarkerName(top);
}

async function drain(content: AsyncIterable<Uint8Array>): Promise<void> {
  const chunks = content[Symbol.asyncIterator]();
  while ((await chunks.next()).done !== true);
}

/** The directories below the root, created on demand. The last one used stays open. */
function createDirectories(root: HeldDirectory): { at(path: string): HeldDirectory; close(): void } {
  let last: { readonly path: string; readonly held: HeldDirectory } = { path: '.', held: root };
  const letGo = (held: HeldDirectory): void => {
    if (held !== root) held.close();
  };
  const enter = (path: string): HeldDirectory => {
    let held = root;
    for (const name of path.split('/')) {
      try {
        const inner = holdInside(held, name);
        letGo(held);
        held = inner;
      } catch (thrown) {
        letGo(held);
        throw thrown;
      }
    }
    return held;
  };
  return {
    at: (path) => {
      if (path === last.path) return last.held;
      const held = path === '.' ? root : enter(path);
      letGo(last.held);
      last = { path, held };
      return held;
    },
    close: () => {
      letGo(last.held);
      last = { path: '.', held: root };
    },
  };
}

/**
 * So much of a model is written synchronously: most models are not larger, and handing a chunk to another thread takes
 * longer than the write. A kernel delays writers while the disk is behind, and then other requests wait too: hence not more.
 */
const WRITTEN_AT_ONCE_BYTES = 4 * 1024 ** 2;

/**
 * Writes one chunk while the next arrives. When it settles, no write is running.
 * @param isEarly whether all chunks of the model so far, this one included, may be written synchronously
 */
async function writeAll(
  file: number,
  content: AsyncIterable<Uint8Array>,
  isEarly: () => boolean,
): Promise<void> {
  let writing: Promise<void> | undefined;
  try {
    for await (const chunk of content) {
      if (writing !== undefined) await writing;
      const already = isEarly() ? writeSync(file, chunk) : 0;
      writing = already === chunk.length ? undefined : writeChunk(file, chunk, already);
      // It is awaited before the next chunk is written, so handle a failure until then.
      writing?.catch(() => undefined);
    }
  } finally {
    await writing;
  }
}

async function writeChunk(file: number, chunk: Uint8Array, already: number): Promise<void> {
  for (let done = already; done < chunk.length;) {
    done += (await writePart(file, chunk, done, chunk.length - done)).bytesWritten;
  }
}

function safePath(name: string): string {
  const check = checkRelativePath(name);
  if (check.safe) return check.path;
  throw new UnsafePathError(`the name '${printable(name)}' is refused: ${check.because}`);
}

type EntryType = 'file' | 'directory';

/**
 * Tracks every entry so far. Names that differ only in Unicode normalisation count as one: they look the same, and some
 * file systems treat them as the same. Names that differ in case are two files on Linux, and models do contain such
 * pairs.
 */
function createEntryRegister({ maxEntries }: ModelLimits): { add(path: string, type: EntryType): void } {
  const known = new Map<string, EntryType>();
  const put = (key: string, type: EntryType): void => {
    if (known.size >= maxEntries) {
      throw new LimitExceededError(`the model has more than ${maxEntries} entries, the limit for one model`);
    }
    known.set(key, type);
  };
  return {
    add: (path, type) => {
      const key = path.normalize('NFC');
      for (let end = key.indexOf('/'); end !== -1; end = key.indexOf('/', end + 1)) {
        const parent = key.slice(0, end);
        const parentType = known.get(parent);
        if (parentType === 'file') throw duplicate(parent, 'it is a file and a directory at once');
        if (parentType === undefined) put(parent, 'directory');
      }
      const present = known.get(key);
      if (present === 'directory' && type === 'directory') return;
      if (present !== undefined) {
        throw duplicate(path, present === type ? 'it occurs twice' : 'it is a file and a directory at once');
      }
      put(key, type);
    },
  };
}

function duplicate(path: string, because: string): DuplicateEntryError {
  return new DuplicateEntryError(`'${printable(path)}' is refused: ${because}`);
}
