import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { goTool } from '../support/go-tool.ts';
import { ROOT } from '../support/page.ts';

const run = promisify(execFile);
const ACTIONLINT = {
  name: 'actionlint',
  package: 'github.com/rhysd/actionlint/cmd/actionlint',
  version: 'v1.7.12',
} as const;

describe('the workflows', () => {
  it('pass actionlint', async () => {
    const files = globSync('.github/workflows/*.yaml', { cwd: ROOT });
    expect(files.length).toBeGreaterThan(1);
    // Without optional programs, which may be missing on the machine.
    const args = ['-no-color', '-shellcheck=', '-pyflakes=', ...files];
    const { stdout } = await run(await goTool(ACTIONLINT), args, { cwd: ROOT }).catch(
      (thrown: unknown) => thrown as { readonly stdout: string },
    );
    expect(stdout).toBe('');
  }, 600_000);
});
