import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';

/** `UPDATE_GOLDENS=1` writes the expected part of each case. Read the difference before you commit it. */
export const UPDATE = process.env['UPDATE_GOLDENS'] === '1';

/** Replaces the end of a case's file from its line `expected:`. The part before it, with comments, stays. */
export function writeExpected(file: string, expected: unknown): void {
  const [given = ''] = readFileSync(file, 'utf8').split(/^expected:$/m);
  const options = { lineWidth: 105, aliasDuplicateObjects: false };
  writeFileSync(file, given + stringify({ expected }, options));
}
