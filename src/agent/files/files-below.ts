import { opendirSync } from 'node:fs';
import { join } from 'node:path';

/** Names read at once. */
const READ_AT_ONCE = 256;

/**
 * The paths of all files below a directory. Links and whatever else is there are passed over. A directory is read synchronously, some
 * names at a time: of a model that has just been written that takes microseconds, and four times the turns of a thread otherwise.
 */
export function* filesBelow(top: string): Generator<string> {
  const directories = [top];
  for (const directory of directories) {
    const entries = opendirSync(directory, { bufferSize: READ_AT_ONCE });
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
