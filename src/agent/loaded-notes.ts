import { readdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Which version of each model was last seen loaded, for the agent after this one. A note is a link that leads nowhere: it is
 * there whole or not at all, by one call, and what is known not to be there need not be removed.
 */
export interface LoadedNotes {
  /** The hash in a note that was there when these were opened, or was put since. */
  hashOf(name: string): string | undefined;
  put(name: string, hash: string): Promise<void>;
  drop(name: string): Promise<void>;
}

/** Reads the notes in a directory. */
export async function openLoadedNotes(directory: string): Promise<LoadedNotes> {
  const names = await readdir(directory);
  const read = async (name: string): Promise<[string, string]> => [
    name,
    await readlink(join(directory, name)).catch(() => ''),
  ];
  const notes = new Map(await Promise.all(names.map(read)));
  const drop = async (name: string): Promise<void> => {
    if (!notes.has(name)) return;
    await rm(join(directory, name), { force: true });
    notes.delete(name);
  };
  return {
    hashOf: (name) => notes.get(name),
    drop,
    put: async (name, hash) => {
      if (notes.get(name) === hash) return;
      await drop(name);
      await symlink(hash, join(directory, name));
      notes.set(name, hash);
    },
  };
}
