import { mkdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { type HeldDirectory, holdDirectory, holdInside } from '../files/held-directory.ts';
import { PlantedEntryError } from '../files/planted-entry.ts';
import { removeTree } from '../files/remove-tree.ts';
import { DestinationExistsError, InvalidUriError } from '../sources/errors.ts';

/** Where one model is put together; held, since another container may write to the directories around it as well. */
export interface Destination {
  readonly root: HeldDirectory;
  /** Where an archive is kept that has to be whole before it is read: beside the model, on the same volume. */
  readonly archive: string;
  close(): void;
}

/**
 * Makes the directory that a model is put together in.
 * @throws InvalidUriError when it is relative, DestinationExistsError when something is there, PlantedEntryError when a
 * link is on the way to it.
 */
export function makeDestination(destination: string): Destination {
  if (!isAbsolute(destination)) throw new InvalidUriError(`the destination '${destination}' is not absolute`);
  const parent = holdParent(destination);
  try {
    mkdirSync(join(parent.path, basename(destination)), { mode: 0o755 });
    const root = holdInside(parent, basename(destination));
    const close = (): void => {
      root.close();
      parent.close();
    };
    return { root, archive: archivePath(join(parent.path, basename(destination))), close };
  } catch (thrown) {
    parent.close();
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    throw new DestinationExistsError(`${destination} exists already; a model is put into a new place`);
  }
}

function holdParent(destination: string): HeldDirectory {
  try {
    return holdDirectory(dirname(destination));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    throw new PlantedEntryError(`${dirname(destination)} is gone; it is made again for the next attempt`, {
      cause: thrown,
    });
  }
}

function archivePath(destination: string): string {
  return `${destination}.archive`;
}

/** Removes whatever a pull has made; only for a destination that did not exist when the pull began. */
export async function removeDestination(destination: string): Promise<void> {
  await removeTree(destination);
  await removeTree(archivePath(destination));
}
