import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { findKubectl } from './kubectl.ts';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** An object as kustomize renders it. */
export interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** The path of a directory of manifests, for kubectl. */
export function manifests(path: string): string {
  return fileURLToPath(new URL(`../../manifests/${path}`, import.meta.url));
}

export async function render(path: string): Promise<readonly Rendered[]> {
  const { path: kubectl } = await findKubectl();
  const { stdout } = await run(kubectl, ['kustomize', manifests(path)], { maxBuffer: 16 * 1024 * 1024 });
  return parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
}
