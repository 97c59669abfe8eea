import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from '../support/page.ts';

interface CustomManager {
  readonly managerFilePatterns: readonly string[];
  readonly matchStrings: readonly string[];
}

const { customManagers } = JSON.parse(readFileSync(join(ROOT, 'renovate.json'), 'utf8')) as {
  readonly customManagers: readonly CustomManager[];
};

/** The versions that Renovate's managers would find in a file. */
function found(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return customManagers
    .filter(({ managerFilePatterns }) =>
      managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file)),
    )
    .flatMap(({ matchStrings }) => matchStrings.flatMap((one) => [...text.matchAll(new RegExp(one, 'g'))]))
    .map(({ groups }) => groups?.['currentValue'] ?? '');
}

describe('renovate.json', () => {
  it('finds every version that the image pins', () => {
    const text = readFileSync(join(ROOT, 'image/base.json'), 'utf8');
    const pinned = [...text.matchAll(/"version": "([^"]+)"/g)].map(([, version]) => version);
    expect(pinned.length).toBeGreaterThan(3);
    expect(found('image/base.json').sort()).toEqual(pinned.sort());
  });

  it('finds every Go module from which the tests take programs or definitions', () => {
    const files = globSync('test/support/*.ts', { cwd: ROOT });
    const missed = files.filter((file) => {
      const pins = [...readFileSync(join(ROOT, file), 'utf8').matchAll(/(module|package): '[^']+\.[^']+\//g)];
      return pins.length !== found(file).length;
    });
    expect(missed).toEqual([]);
    expect(files.flatMap(found).length).toBeGreaterThan(5);
  });
});
