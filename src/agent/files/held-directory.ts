import { closeSync, constants, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PlantedEntryError } from './planted-entry.ts';

/**
 * An open directory. Operations below `path` act on this directory, even if something else is put in its place.
 * The model server's container shares the model directory and may put links there at any moment. Without this the agent
 * would follow them to write, read or delete, with its own rights and in its own file system.
 */
export interface HeldDirectory {
  /** Names may be joined to it, only in this process, and only until it is closed. */
  readonly path: string;
  close(): void;
}

/**
 * Linux gives open files a path (proc_pid_fd(5)). Elsewhere, on a developer's machine, the directory's own path is
 * used.
 */
const IS_LINUX = process.platform === 'linux';

/**
 * Opens a directory whose path contains no link.
 * @param path absolute, without links, as realpath gives it.
 * @throws PlantedEntryError if the path contains a link, or something that is not a directory; ENOENT if it does not
 * exist.
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

/** Opens a directory inside an open one, and makes it if it does not exist. @throws PlantedEntryError as above. */
export function holdInside(parent: HeldDirectory, name: string): HeldDirectory {
  try {
    mkdirSync(join(parent.path, name), { mode: 0o755 });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
  return holdExisting(parent, name);
}

/** Opens a directory inside an open one. @throws PlantedEntryError as above; ENOENT if it does not exist. */
export function holdExisting(parent: HeldDirectory, name: string): HeldDirectory {
  return opened(join(parent.path, name), name, constants.O_DIRECTORY | constants.O_NOFOLLOW);
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

/** Runs a synchronous function in an open directory, and then closes it. */
export function withHeld<T>(held: HeldDirectory, work: (held: HeldDirectory) => T): T {
  try {
    return work(held);
  } finally {
    held.close();
  }
}

/** Runs a function in a directory and then closes it. @throws as {@link holdDirectory} */
export async function within<T>(path: string, work: (directory: string) => Promise<T>): Promise<T> {
  const held = holdDirectory(path);
  try {
    return await work(held.path);
  } finally {
    held.close();
  }
}
