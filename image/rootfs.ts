import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDirectories } from './entry.ts';
import type { Entry } from './entry.ts';
import { ImageError } from './errors.ts';

/**
 * Writes the image's files below a directory; the Dockerfile copies them from it.
 * @throws {ImageError} USAGE when something is there already
 */
export async function writeRootfs(directory: string, entries: readonly Entry[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) {
    throw new ImageError(
      'USAGE',
      `${directory} is not empty; name a directory that is, or that is not there yet`,
    );
  }
  for (const entry of withDirectories(entries)) {
    const place = join(directory, entry.path);
    if (entry.kind === 'directory') await mkdir(place);
    else if (entry.kind === 'link') await symlink(entry.target, place);
    else await writeFile(place, entry.content, { flag: 'wx' });
    // Whatever the umask is.
    if (entry.kind !== 'link') await chmod(place, entry.kind === 'file' ? entry.mode : 0o755);
  }
}
