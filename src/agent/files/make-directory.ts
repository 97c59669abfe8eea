import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { MmsError } from '../../lib/errors.ts';

/** The directory of `--model-dir` cannot be made or used. */
class ModelDirectoryError extends MmsError {
  readonly code = 'MODEL_DIRECTORY';
  readonly retryable = false;
}

/**
 * Makes a directory and its parents, and returns its path without links. Node's own recursive mkdir never returns below
 * /proc, where mkdir fails with ENOENT (Node 24).
 * @throws ModelDirectoryError
 */
export function makeDirectory(path: string): string {
  try {
    make(path);
    return realpathSync(path);
  } catch (thrown) {
    const { code = 'unknown error' } = thrown as NodeJS.ErrnoException;
    throw new ModelDirectoryError(
      `the model directory ${path} cannot be made (${code}): give --model-dir a directory on a volume that the agent may write to`,
      { cause: thrown },
    );
  }
}

function make(path: string): void {
  try {
    mkdirSync(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST' && isDirectory(path)) return;
    const above = dirname(path);
    if (code !== 'ENOENT' || above === path || exists(above)) throw thrown;
    make(above);
    mkdirSync(path);
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isDirectory(path: string): boolean {
  return lstatSync(realpathSync(path)).isDirectory();
}
