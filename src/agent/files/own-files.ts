import { constants } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { within } from './held-directory.ts';

/**
 * Moves a file, a directory or a link; neither the ways to both places nor what is moved is followed where it is a link.
 * Both paths are absolute and without links.
 * @throws PlantedEntryError, and what rename(2) says
 */
export function move(from: string, to: string): Promise<void> {
  return within(dirname(from), (source) =>
    within(dirname(to), (target) => rename(join(source, basename(from)), join(target, basename(to)))),
  );
}

/**
 * The text of a plain file; undefined when there is none, or something else, or more than `mostBytes`. Neither a link is
 * followed nor a pipe waited for.
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

/** Writes a file that is in place as a whole or not at all; what was there, a link too, is replaced. */
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
