import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files synced at once; more only queue up in Node's four filesystem threads. */
const AT_ONCE = 8;

/** Flushes every file and directory below a root, so that nothing written later can outlive them in a power cut. */
export async function syncTree(root: string): Promise<void> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const queue = [...files, ...folders].values();
  const worker = async () => {
    for (const path of queue) await syncPath(path);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length + folders.length) }, worker));
}

/** Flushes a directory's entries, as a rename needs to survive a power cut. */
export function syncDirectory(path: string): Promise<void> {
  return syncPath(path);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
