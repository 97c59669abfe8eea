import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { DestinationExistsError, InvalidUriError } from '../sources/errors.ts';

/** Hidden, so that a model server that lists its models directory does not take it for one. */
const SUFFIX = '.pulling';

/** Where a model is put together: beside its destination, so that the last step is one rename within a file system. */
export function stagingPath(destination: string): string {
  return join(dirname(destination), `.${basename(destination)}${SUFFIX}`);
}

/** @throws InvalidUriError when it is relative, DestinationExistsError when something is there. */
export async function refuseDestination(destination: string): Promise<void> {
  if (!isAbsolute(destination)) throw new InvalidUriError(`the destination '${destination}' is not absolute`);
  const exists = await lstat(destination).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new DestinationExistsError(`${destination} exists already; a model is put into a new place`);
}

/**
 * Removes whatever a pull has made that nobody can report on any more. Only for a destination that did not exist when the
 * pull began: the process may have died between the rename and its report.
 */
export async function removeAll(destination: string): Promise<void> {
  await removeStaging(destination);
  await rm(destination, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes what is half-made for one destination. */
export async function removeStaging(destination: string): Promise<void> {
  await rm(stagingPath(destination), { recursive: true, force: true, maxRetries: 3 });
}

/** Removes what killed pulls left directly below a directory; one that does not exist holds none. */
export async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const leftovers = names.filter((name) => name.startsWith('.') && name.endsWith(SUFFIX));
  await Promise.all(leftovers.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}
