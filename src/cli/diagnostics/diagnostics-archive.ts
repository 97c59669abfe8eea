import { createWriteStream } from 'node:fs';
import { access, lstat, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { EpochMs } from '../../lib/clock.ts';
import { messageOf, MmsError } from '../../lib/errors.ts';

/** The archive cannot be written where it was to be. */
class ArchiveFileError extends MmsError {
  readonly code = 'ARCHIVE_FILE';
  readonly retryable = false;
}

/**
 * Call it before anything is gathered, so that the user does not wait for an archive that then cannot be written.
 *
 * @param force whether a file of that name may be written over
 * @throws {ArchiveFileError} when something has the name already, were it a link that leads nowhere, and when there is no such directory
 */
export async function refuseUnwritable(path: string, force: boolean): Promise<void> {
  if (!force && (await lstat(path).catch(() => undefined))) throw existsError(path);
  try {
    await access(dirname(path));
  } catch (thrown) {
    throw unwritable(path, thrown);
  }
}

/**
 * Writes files into a .tar.gz that only its owner may read; none is left when that fails.
 *
 * @param files their contents by their paths in the archive
 * @throws {ArchiveFileError} when it is there already, unless it may be written over, and when it cannot be written
 */
export async function writeArchive(
  path: string,
  files: ReadonlyMap<string, string>,
  { now, force }: { readonly now: EpochMs; readonly force: boolean },
): Promise<void> {
  // A file that is written over would keep its mode, and others might read the new one. A device stays.
  if (force && (await isFile(path))) await rm(path);
  const archive = pack();
  const target = createWriteStream(path, { flags: force ? 'w' : 'wx', mode: 0o600 });
  const written = pipeline(archive, createGzip(), target);
  for (const [name, text] of files) {
    // What ends the whole is thrown below; an entry that is not yet written gets it, too.
    archive.entry({ name, mtime: new Date(now) }, text).on('error', () => undefined);
  }
  archive.finalize();
  try {
    await written;
  } catch (thrown) {
    if (!target.pending) await rm(path, { force: true });
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') throw existsError(path, thrown);
    throw unwritable(path, thrown);
  }
}

function unwritable(path: string, cause: unknown): ArchiveFileError {
  return new ArchiveFileError(`cannot write ${path}: ${messageOf(cause)}`, { cause });
}

async function isFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function existsError(path: string, cause?: unknown): ArchiveFileError {
  const message = `cannot write ${path}: it is there already; name another with --file, or add --force`;
  return new ArchiveFileError(message, { cause });
}
