import { mkdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { type HeldDirectory, holdDirectory, holdExisting } from '../files/held-directory.ts';
import { PlantedEntryError } from '../files/planted-entry.ts';
import { removeTree } from '../files/remove-tree.ts';
import { DestinationExistsError, InvalidUriError } from '../sources/errors.ts';

/** The directory in which one model is assembled. It is held open, since another container may write around it too. */
export interface Destination {
  readonly root: HeldDirectory;
  /** Where an archive is stored that must be complete before it is read: beside the model, on the same volume. */
  readonly archive: string;
  close(): void;
}

/**
 * Makes the directory in which a model is assembled.
 * @throws InvalidUriError when it is relative, DestinationExistsError when it exists, PlantedEntryError when a
 * link is on the way to it.
 */
export function makeDestination(destination: string): Destination {
  if (!isAbsolute(destination)) throw new InvalidUriError(`the destination '${destination}' is not absolute`);
  const parent = holdParent(destination);
  try {
    mkdirSync(join(parent.path, basename(destination)), { mode: 0o755 });
    const root = holdExisting(parent, basename(destination));
    const close = (): void => {
      root.close();
      parent.close();
    };
    return { root, archive: archivePath(join(parent.path, basename(destination))), close };
  } catch (thrown) {
    parent.close();
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    throw new DestinationExistsError(`${destination} exists already; a model needs a new directory`);
  }
}

function holdParent(destination: string): HeldDirectory {
  try {
    return holdDirectory(dirname(destination));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    throw new PlantedEntryError(`${dirname(destination)} is gone; the next attempt makes it again`, {
      cause: thrown,
    });
  }
}

function archivePath(destination: string): string {
  return `${destination}.archive`;
}

/** Removes all files of a pull. Only for a destination that did not exist when the pull began. */
export async function removeDestination(destination: string): Promise<void> {
  await removeTree(destination);
  await removeTree(archivePath(destination));
}
