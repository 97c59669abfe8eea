import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareText } from '../../../lib/compare-text.ts';
import { messageOf } from '../../../lib/errors.ts';
import { InputFileError, readInput } from '../../documents.ts';
import type { CommandIo } from '../../io.ts';

/** A request to a model, from a file. */
export interface RequestFile {
  /** Relative to the directory: `rose.json`, `rose/two.json`. */
  readonly file: string;
  readonly text: string;
}

/** Names of models have no dots; the rest of the name is for people. */
const OF_MODEL = /^([^.]+)(\..+)?\.json$/;

/**
 * The requests in a directory by model: `rose.json`, `rose.two.json`, and all `.json` in `rose/`.
 * @throws {InputFileError} when one cannot be read, or there are none
 */
export async function readRequests(
  directory: string,
  io: CommandIo,
): Promise<ReadonlyMap<string, readonly RequestFile[]>> {
  const requests = new Map<string, RequestFile[]>();
  const take = async (model: string, file: string): Promise<void> => {
    const its = requests.get(model) ?? [];
    its.push({ file, text: await readInput(join(directory, file), io) });
    requests.set(model, its);
  };
  for (const entry of await entriesOf(directory)) {
    const model = entry.isDirectory() ? entry.name : OF_MODEL.exec(entry.name)?.[1];
    if (model === undefined) continue;
    if (!entry.isDirectory()) await take(model, entry.name);
    else
      for (const inner of await entriesOf(join(directory, entry.name)))
        if (inner.name.endsWith('.json') && !inner.isDirectory())
          await take(model, join(entry.name, inner.name));
  }
  if (requests.size > 0) return requests;
  throw new InputFileError(
    `there are no requests in ${directory}; a file NAME.json holds one of the model NAME`,
  );
}

async function entriesOf(directory: string): ReturnType<typeof readSorted> {
  try {
    return await readSorted(directory);
  } catch (thrown) {
    throw new InputFileError(`cannot read ${directory}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

async function readSorted(directory: string) {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.sort((a, b) => compareText(a.name, b.name));
}
