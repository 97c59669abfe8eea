import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDirectories } from './entry.ts';
import type { Entry } from './entry.ts';

/** Writes the image's files below a directory that is empty or not there yet; the Dockerfile copies them from it. */
export async function writeRootfs(directory: string, entries: readonly Entry[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const entry of withDirectories(entries)) {
    const place = join(directory, entry.path);
    if (entry.kind === 'directory') await mkdir(place);
    else if (entry.kind === 'link') await symlink(entry.target, place);
    else await writeFile(place, entry.content, { flag: 'wx' });
    // Whatever the umask is.
    if (entry.kind !== 'link') await chmod(place, entry.kind === 'file' ? entry.mode : 0o755);
  }
}
