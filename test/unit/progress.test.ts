import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const SCRIPTS = join(import.meta.dirname, '..', '..', 'scripts');

/** Runs a module with the scripts' own Node, and returns its output. */
async function output(script: string): Promise<string> {
  const args = ['--input-type=module', '--eval', script];
  return (await promisify(execFile)(process.execPath, args, { cwd: SCRIPTS })).stdout;
}

describe('progress output', () => {
  it('is printed while something takes long, until it ends or fails', async () => {
    const lines = await output(`
import { withSigns } from '${SCRIPTS}/progress.mjs';
let seen; const seenOne = new Promise((resolve) => (seen = resolve));
const options = { everyMs: 1, write: (line) => { console.log(line); seen(); } };
console.log(await withSigns('npm ci', async () => { await seenOne; return 7; }, options));
await withSigns('the build', () => Promise.reject(new Error('failed')), options).catch(({ message }) => console.log(message));
`);
    expect(lines).toMatch(/^( {2}… npm ci: 0 s\n)+7\nfailed\n$/);
  });

  it('shows how many tests have run, and how long the current ones have been running', async () => {
    const lines = await output(`
import { progressLine } from '${SCRIPTS}/progress.mjs';
const running = new Map([['test/a.test.ts', 1_000], ['test/b.test.ts', 61_400]]);
console.log(progressLine({ done: 12, total: 240, running }, 63_000));
`);
    expect(lines).toBe('  … 12 of 240 files; running: test/a.test.ts (62 s), test/b.test.ts (2 s)\n');
  });
});
