import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { MmsError, messageOf } from '../lib/errors.ts';
import type { CommandIo } from './io.ts';

/** One Kubernetes object out of a file, as unknown as anything a person wrote. */
export interface Document {
  /** The file it came from, `stdin` for `-`. */
  readonly source: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: Record<string, unknown>;
}

/** A file that a command was given is missing, unreadable, or not what it should be. */
export class InputFileError extends MmsError {
  readonly code = 'INPUT_FILE';
  readonly retryable = false;
}

/**
 * Reads every object of a YAML or JSON file; `-` reads stdin. Lists (`kind: List`) are taken apart.
 *
 * @throws {InputFileError} with the place, when the file cannot be read or is no Kubernetes YAML
 */
export async function readDocuments(path: string, io: CommandIo): Promise<Document[]> {
  const source = path === '-' ? 'stdin' : path;
  const text = await readInput(path, io);
  const documents: Document[] = [];
  for (const parsed of parseAllDocuments(text)) {
    const [fault] = 'errors' in parsed ? parsed.errors : [];
    if (fault !== undefined)
      throw new InputFileError(`${source} is not YAML: ${fault.message}`, { cause: fault });
    const value: unknown = parsed.toJS({ maxAliasCount: 100 });
    if (value !== null && value !== undefined) documents.push(...objectsIn(value, source));
  }
  if (documents.length === 0)
    throw new InputFileError(`${source} is empty; a Kubernetes object was expected`);
  return documents;
}

/**
 * The text of a file, or of stdin for `-`.
 *
 * @throws {InputFileError} when it cannot be had
 */
export async function readInput(path: string, io: CommandIo): Promise<string> {
  try {
    if (path !== '-') return await readFile(path, 'utf8');
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString('utf8');
  } catch (thrown) {
    throw new InputFileError(`cannot read ${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function objectsIn(value: unknown, source: string): Document[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject(source);
  const object = value as Record<string, unknown>;
  const { apiVersion, kind, items } = object;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw notAnObject(source);
  if (Array.isArray(items) && kind.endsWith('List'))
    return items.flatMap((item: unknown) => objectsIn(item, source));
  return [{ source, apiVersion, kind, object }];
}

function notAnObject(source: string): InputFileError {
  return new InputFileError(
    `${source} holds something without apiVersion and kind; a Kubernetes object was expected`,
  );
}

/** The documents of a kind, whatever its version; the group distinguishes KServe's kinds from others of the same name. */
export function ofKind(documents: readonly Document[], group: string, kind: string): Document[] {
  return documents.filter((document) => {
    const slash = document.apiVersion.indexOf('/');
    return document.kind === kind && (slash === -1 ? '' : document.apiVersion.slice(0, slash)) === group;
  });
}
