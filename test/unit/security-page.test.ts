import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('SECURITY.md', root), 'utf8');
const named = [...page.matchAll(/`(test\/[\w./-]+\.test\.ts)`(?: › ([^|\n]+?))? \|/g)];

it('SECURITY.md names a test for each line about the manager', () => {
  expect(named.length).toBeGreaterThanOrEqual(10);
});

it.each(named.map(([, file = '', name = '']) => [file, name]))('the test %s › %s exists', (file, name) => {
  expect(readFileSync(new URL(file, root), 'utf8')).toContain(name.replaceAll("'", "\\'"));
});

it('each row of a table has as many cells as its head', () => {
  const tables = page.split(/\n\n+/).filter((block) => block.startsWith('|'));
  expect(tables.length).toBeGreaterThanOrEqual(4);
  for (const table of tables) {
    const counts = table
      .trimEnd()
      .split('\n')
      .map((row) => row.split('|').length);
    expect(counts).toEqual(counts.map(() => counts[0]));
  }
});
