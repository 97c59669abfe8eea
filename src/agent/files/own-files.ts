import { constants, renameSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { holdDirectory, withHeld } from './held-directory.ts';

/**
 * Moves a file, a directory or a link. A link is never followed, neither on the two paths nor as the moved entry.
 * Both paths are absolute and without links. It is synchronous: a rename takes microseconds, several times less than
 * handing it to another thread.
 * @throws PlantedEntryError, and the errors of rename(2)
 */
export function move(from: string, to: string): void {
  withHeld(holdDirectory(dirname(from)), (source) =>
    withHeld(holdDirectory(dirname(to)), (target) =>
      renameSync(join(source.path, basename(from)), join(target.path, basename(to))),
    ),
  );
}

/**
 * The text of a plain file. Undefined if there is none, if it is something else, or if it is larger than `mostBytes`.
 * It does not follow a link, or wait for a pipe.
 */
export async function readPlainFile(path: string, mostBytes: number): Promise<string | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const info = await file.stat();
    return info.isFile() && info.size <= mostBytes ? await file.readFile('utf8') : undefined;
  } finally {
    await file.close();
  }
}

/** Writes a file atomically. What was there, a link too, is replaced. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const next = `${path}.new`;
  await unlink(next).catch(() => undefined);
  const file = await open(next, 'wx', 0o666);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  await rename(next, path);
}
