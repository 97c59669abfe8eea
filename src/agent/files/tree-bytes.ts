import { lstat } from 'node:fs/promises';
import { filesBelow } from './files-below.ts';
import { within } from './held-directory.ts';

/** The total bytes of the files in a directory. Links are not followed. Undefined if it cannot be read. */
export async function treeBytes(directory: string): Promise<number | undefined> {
  return within(directory, async (held) => {
    let sum = 0;
    for (const path of filesBelow(held)) sum += (await lstat(path)).size;
    return sum;
  }).catch(() => undefined);
}
