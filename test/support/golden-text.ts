import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from '@jest/globals';

/** Compares with a file in test/unit/cli/goldens, or writes it when UPDATE_GOLDENS is set. */
export function expectGolden(name: string, text: string): void {
  const file = new URL(`../unit/cli/goldens/${name}`, import.meta.url).pathname;
  if (process.env['UPDATE_GOLDENS'] === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}
