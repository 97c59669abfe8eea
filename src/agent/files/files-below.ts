import { opendir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The paths of all files below a directory. Links and whatever else is there are passed over. Names are read as many at once as
 * Node does by itself: the room for 256 takes 4 KiB, which it keeps until V8 looks for garbage, and there are thousands of models.
 */
export async function* filesBelow(top: string): AsyncGenerator<string> {
  const directories = [top];
  for (const directory of directories) {
    for await (const entry of await opendir(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) directories.push(path);
      else if (entry.isFile()) yield path;
    }
  }
}
