import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('SECURITY.md', root), 'utf8');
const named = [...page.matchAll(/`(test\/[\w./-]+\.test\.ts)`(?: › ([^|\n]+?))? \|/g)];

it('SECURITY.md names a test for each line about the manager', () => {
  expect(named.length).toBeGreaterThanOrEqual(10);
});

it.each(named.map(([, file = '', name = '']) => [file, name]))('there is the test %s › %s', (file, name) => {
  expect(readFileSync(new URL(file, root), 'utf8')).toContain(name.replaceAll("'", "\\'"));
});
