import { opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** Names read at once. */
const READ_AT_ONCE = 256;

/** The paths of all files below a directory. Links and special files are skipped. */
export async function* filesBelow(top: string): AsyncGenerator<string> {
  const directories = [top];
  for (const directory of directories) {
    for await (const entry of await opendir(directory, { bufferSize: READ_AT_ONCE })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) directories.push(path);
      else if (entry.isFile()) yield path;
    }
  }
}
