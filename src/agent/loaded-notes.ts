import { appendFileSync, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isRecord } from '../lib/json.ts';
import { readPlainFile, replaceFile } from './files/own-files.ts';
import { removeTree } from './files/remove-tree.ts';

/**
 * Which version of each model was last seen loaded, for the next agent. All notes are lines appended to one file:
 * a file for each model would be several times the work, and a start with many models writes a note for each.
 */
export interface LoadedNotes {
  /** The hash in the model's latest note. */
  hashOf(name: string): string | undefined;
  /** Resolves once the note is in the file. */
  put(name: string, hash: string): Promise<void>;
  /** Resolves once the file has no note of the model. */
  drop(name: string): Promise<void>;
  /** Closes the file. Later notes reject. */
  close(): Promise<void>;
}

/** One line: what is known of a model from here on. Without a hash it is not known to be loaded. */
interface Note {
  readonly name: string;
  readonly hash?: string;
}

/** The file is rewritten when it has this many times as many lines as valid notes, and a few more. */
const LINES = { times: 4, more: 1_000 };

/** Some 200 bytes a line, for 20,000 models. No agent writes a longer file. */
const LONGEST_NOTES_BYTES = 32 * 1024 * 1024;

/** Opens the notes in a file, and makes it if it does not exist. Only one caller at a time may have them open. */
export async function openLoadedNotes(path: string): Promise<LoadedNotes> {
  const before = await readNotes(path);
  const notes = applied(new Map(), before);
  let [file, lines] = [await openToAppend(path), before.length];
  const note = inBatches<Note>(async (batch) => {
    // Synchronous: some hundred bytes, several times less work than handing them to another thread.
    appendFileSync(file.fd, linesOf(batch));
    applied(notes, batch);
    lines += batch.length;
    if (lines > notes.size * LINES.times + LINES.more) await shorten();
  });
  const shorten = async (): Promise<void> => {
    lines = notes.size;
    // If that fails, for example on a full disk, the long file serves as well.
    await writeNotes(path, notes).catch(() => undefined);
    const shortened = await openToAppend(path);
    await file.close();
    file = shortened;
  };
  return {
    hashOf: (name) => notes.get(name),
    put: async (name, hash) => {
      if (notes.get(name) !== hash) await note({ name, hash });
    },
    drop: async (name) => {
      if (notes.has(name)) await note({ name });
    },
    close: () => file.close(),
  };
}

async function writeNotes(path: string, notes: ReadonlyMap<string, string>): Promise<void> {
  await replaceFile(path, linesOf([...notes].map(([name, hash]) => ({ name, hash }))));
}

/** The model server's container may put a link or a pipe in its place. It is removed, and a file made. */
async function openToAppend(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const append = () => open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
  const file = await append().catch((thrown: unknown) => {
    if (NOT_PLAIN.has((thrown as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw thrown;
  });
  if (file !== undefined && (await file.stat()).isFile()) return file;
  await file?.close();
  await removeTree(path);
  return append();
}

/** The errors of open(2) for a link, a directory, a pipe without a reader, and a socket. */
const NOT_PLAIN: ReadonlySet<string> = new Set(['ELOOP', 'EISDIR', 'ENXIO']);

async function readNotes(path: string): Promise<Note[]> {
  const text = (await readPlainFile(path, LONGEST_NOTES_BYTES)) ?? '';
  return text.split('\n').flatMap((line) => noteOf(line) ?? []);
}

/** A line cut short by a full disk or a crash is ignored. */
function noteOf(line: string): Note | undefined {
  try {
    const note: unknown = JSON.parse(line);
    if (!isRecord(note) || typeof note['name'] !== 'string') return undefined;
    const { name, hash } = note;
    return typeof hash === 'string' ? { name, hash } : { name };
  } catch {
    return undefined;
  }
}

/** Each line starts with its line break, so that a line cut short ends where the next begins. */
function linesOf(notes: readonly Note[]): string {
  return notes.map((note) => `\n${JSON.stringify(note)}`).join('');
}

function applied(to: Map<string, string>, notes: readonly Note[]): Map<string, string> {
  for (const { name, hash } of notes) {
    if (hash === undefined) to.delete(name);
    else to.set(name, hash);
  }
  return to;
}

/** Collects items that arrive during one batch into the next. The returned promise settles with the item's batch. */
function inBatches<T>(work: (batch: readonly T[]) => Promise<void>): (item: T) => Promise<void> {
  let current: Promise<unknown> = Promise.resolve();
  let waiting: { readonly items: T[]; readonly done: Promise<void> } | undefined;
  return (item) => {
    if (waiting === undefined) {
      const items: T[] = [];
      const done = current.then(() => {
        waiting = undefined;
        return work(items);
      });
      waiting = { items, done };
      current = done.catch(() => undefined);
    }
    waiting.items.push(item);
    return waiting.done;
  };
}
