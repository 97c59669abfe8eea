import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../../lib/errors.ts';
import { isRecord, recordsIn } from '../../lib/json.ts';
import { compareText } from '../../lib/compare-text.ts';

const MANIFEST = /\.(ya?ml|json)$/i;
const KUSTOMIZATION = /^kustomization(\.ya?ml)?$/i;
/** Directories that hold no manifests of one's own. */
const PASSED_OVER = /^(\.|node_modules$)/;
/** A parsed document takes some fifty times its text of memory. */
const LARGEST_BYTES = 32 * 1024 * 1024;

/** A file that may hold Kubernetes objects. */
export interface ManifestFile {
  /** As a person would write it: from where they stand. */
  readonly path: string;
  /** The kustomization that lays this file over another; it is no whole object then. */
  readonly patchOf: string | undefined;
}

/** A file or directory that could not be read. */
interface UnreadableFile {
  readonly path: string;
  readonly reason: string;
}

/**
 * The manifests below a directory, in the order of their paths, or the one file that was named. Follows no links to
 * directories.
 */
export async function findManifests(
  path: string,
): Promise<{ readonly files: readonly ManifestFile[]; readonly unreadable: readonly UnreadableFile[] }> {
  const unreadable: UnreadableFile[] = [];
  const found: string[] = [];
  const patches = new Map<string, string>();
  const queue = [path];
  if (!(await isDirectory(path))) return { files: [{ path, patchOf: undefined }], unreadable };
  for (const directory of queue) {
    const entries = await readdir(directory, { withFileTypes: true }).catch((thrown: unknown) => {
      unreadable.push({ path: directory, reason: messageOf(thrown) });
      return [];
    });
    for (const entry of entries.sort((a, b) => compareText(a.name, b.name))) {
      const its = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (!PASSED_OVER.test(entry.name)) queue.push(its);
      } else if (KUSTOMIZATION.test(entry.name)) {
        for (const patch of await patchesOf(its)) patches.set(patch, its);
      } else if (MANIFEST.test(entry.name)) found.push(its);
    }
  }
  const files = found.sort(compareText).map((file) => ({ path: file, patchOf: patches.get(resolve(file)) }));
  return { files, unreadable };
}

/** The text of a file; the reason instead of it when it cannot be had. */
export async function readManifest(path: string): Promise<{ readonly text: string } | UnreadableFile> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_BYTES)
      return { path, reason: `it has ${size} bytes, and at most ${LARGEST_BYTES} are read` };
    return { text: await readFile(path, 'utf8') };
  } catch (thrown) {
    return { path, reason: messageOf(thrown) };
  }
}

/** A path that does not exist fails when it is read. */
async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** Absolute paths of what a kustomization lays over its resources. What is wrong with it, kustomize says. */
async function patchesOf(kustomization: string): Promise<string[]> {
  const parsed: unknown = await readFile(kustomization, 'utf8')
    .then((text): unknown => parse(text, { logLevel: 'silent' }))
    .catch(() => undefined);
  if (!isRecord(parsed)) return [];
  const named = [...recordsIn(parsed['patches']), ...recordsIn(parsed['patchesJson6902'])].map(
    ({ path }) => path,
  );
  const merged: unknown = parsed['patchesStrategicMerge'];
  const paths = [...named, ...(Array.isArray(merged) ? (merged as unknown[]) : [])];
  return paths
    .filter((path) => typeof path === 'string')
    .map((path) => resolve(dirname(kustomization), path));
}
