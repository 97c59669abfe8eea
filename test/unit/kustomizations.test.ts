import { describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { manifests } from '../support/rendered.ts';

interface Kustomization {
  readonly patches?: readonly { readonly path?: string; readonly patch?: string }[];
}

/** Every patch of every kustomization, by its location. */
function patches(): [where: string, text: string][] {
  return globSync('**/kustomization.yaml', { cwd: manifests('') }).flatMap((file) => {
    const kustomization = parse(readFileSync(manifests(file), 'utf8')) as Kustomization;
    return (kustomization.patches ?? []).map(({ path, patch = '' }, index): [string, string] => {
      const text = path === undefined ? patch : readFileSync(manifests(join(dirname(file), path)), 'utf8');
      return [`${file}, patch ${index + 1}`, text];
    });
  });
}

describe('a patch of the manifests', () => {
  // The kustomize in kubectl before 1.34 fails, or panics, with several objects in one patch.
  it.each(patches())('changes one object: %s', (_, text) => {
    expect(parseAllDocuments(text)).toHaveLength(1);
  });
});
