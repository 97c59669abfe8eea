import { opendirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The paths of all files below a directory. Links and special files are skipped. A directory is read synchronously, some
 * names at a time: for a model that has just been written that takes microseconds, and threads would take four turns. The number of
 * names is Node's default: room for 256 takes 4 KiB until the next garbage collection, and there are thousands of models.
 */
export function* filesBelow(top: string): Generator<string> {
  const directories = [top];
  for (const directory of directories) {
    const entries = opendirSync(directory);
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) directories.push(path);
        else if (entry.isFile()) yield path;
      }
    } finally {
      entries.closeSync();
    }
  }
}
