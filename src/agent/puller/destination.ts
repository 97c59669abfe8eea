import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { DestinationExistsError, InvalidUriError } from '../sources/errors.ts';

/**
 * Makes the directory that a model is put together in.
 * @throws InvalidUriError when it is relative, DestinationExistsError when something is there.
 */
export function makeDestination(destination: string): void {
  if (!isAbsolute(destination)) throw new InvalidUriError(`the destination '${destination}' is not absolute`);
  try {
    mkdirSync(destination, { mode: 0o755 });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new DestinationExistsError(`${destination} exists already; a model is put into a new place`);
    if (code !== 'ENOENT') throw thrown;
    mkdirSync(dirname(destination), { recursive: true, mode: 0o755 });
    mkdirSync(destination, { mode: 0o755 });
  }
}

/** Where an archive is kept that has to be whole before it is read: beside the model, on the same volume. */
export function archivePath(destination: string): string {
  return `${destination}.archive`;
}

/** Removes whatever a pull has made; only for a destination that did not exist when the pull began. */
export async function removeDestination(destination: string): Promise<void> {
  await rm(destination, { recursive: true, force: true, maxRetries: 3 });
  await rm(archivePath(destination), { force: true });
}
