import { join } from 'node:path';
import type { ControlDirectory } from './control-directory.ts';
import { move } from './files/own-files.ts';

/** The files of sleeping models: on disk, where no model server looks for models. */
export interface SleepingFiles {
  pathOf(name: string): string;
  has(name: string): boolean;
  /** Takes over what an earlier agent left. */
  adopt(names: readonly string[]): void;
  /** Moves a model's directory here, and back. Each is a rename, however large the model is. */
  park(name: string): Promise<void>;
  unpark(name: string): Promise<void>;
  discard(name: string): Promise<void>;
}

/** How a tree gets to its place, and away from it. */
interface Moves {
  readonly discard: (path: string) => Promise<void>;
  /** Renames a tree to a path, and replaces what is there. */
  readonly put: (tree: string, path: string) => Promise<void>;
}

/** They are in a subdirectory of the control directory, on the same file system as the models in place. */
export function sleepingFiles(
  modelDir: string,
  control: ControlDirectory,
  { discard, put }: Moves,
): SleepingFiles {
  const asleep = new Set<string>();
  const pathOf = (name: string) => control.path('asleep', name);
  const discardOne = async (name: string): Promise<void> => {
    if (!asleep.has(name)) return;
    await discard(pathOf(name));
    asleep.delete(name);
  };
  return {
    pathOf,
    has: (name) => asleep.has(name),
    discard: discardOne,
    adopt: (names) => {
      for (const name of names) asleep.add(name);
    },
    park: async (name) => {
      await discardOne(name);
      await control.hold(pathOf(name));
      asleep.add(name);
      move(join(modelDir, name), pathOf(name));
    },
    unpark: async (name) => {
      await put(pathOf(name), join(modelDir, name));
      asleep.delete(name);
      await control.release(pathOf(name));
    },
  };
}
