import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { within } from './held-directory.ts';

/** How many bytes the files of a directory have together; links are not followed. Undefined where it cannot be read. */
export async function treeBytes(directory: string): Promise<number | undefined> {
  return within(directory, async (held) => {
    let sum = 0;
    const open = [held];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for await (const entry of await opendir(at, { bufferSize: 256 })) {
        const path = join(at, entry.name);
        if (entry.isDirectory()) open.push(path);
        else if (entry.isFile()) sum += (await lstat(path)).size;
      }
    }
    return sum;
  }).catch(() => undefined);
}
