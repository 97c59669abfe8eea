import { closeSync, constants, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PlantedEntryError } from './planted-entry.ts';

/**
 * A directory that is open: what is done below `path` is done in this directory, whatever is put in its place meanwhile.
 * The model server's container shares the model directory and may put links there at any moment; without this the agent
 * would write, read or delete where they lead, with its own rights and in its own file system.
 */
export interface HeldDirectory {
  /** Names below it may be joined to it; only in this process, and only until it is closed. */
  readonly path: string;
  close(): void;
}

/** Linux gives open files a name (proc_pid_fd(5)); elsewhere, on a developer's machine, the directory's own has to do. */
const IS_LINUX = process.platform === 'linux';

/**
 * Holds a directory that has no link anywhere on the way to it.
 * @param path absolute, without links, as realpath gives it.
 * @throws PlantedEntryError where a link, or something that is no directory, is on the way; ENOENT where nothing is.
 */
export function holdDirectory(path: string): HeldDirectory {
  const held = opened(path, path, constants.O_DIRECTORY);
  if (IS_LINUX && readlinkSync(held.path) !== path) {
    held.close();
    throw new PlantedEntryError(
      `${path} is, or is reached by, a link, which is not followed. Remove the link.`,
    );
  }
  return held;
}

/** Holds a directory inside a held one, and makes it when it is not there. @throws PlantedEntryError as above. */
export function holdInside(parent: HeldDirectory, name: string): HeldDirectory {
  const path = join(parent.path, name);
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
  return opened(path, name, constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

function opened(path: string, shown: string, flags: number): HeldDirectory {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | flags);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'ENOTDIR' && code !== 'ELOOP') throw thrown;
    throw new PlantedEntryError(`${shown} should be a directory and is a link or a file. Remove it.`, {
      cause: thrown,
    });
  }
  return {
    path: IS_LINUX ? `/proc/self/fd/${descriptor}` : path,
    close: () => closeSync(descriptor),
  };
}

/** Does something in a directory, and lets go of it. @throws as {@link holdDirectory} */
export async function within<T>(path: string, work: (directory: string) => Promise<T>): Promise<T> {
  const held = holdDirectory(path);
  try {
    return await work(held.path);
  } finally {
    held.close();
  }
}
