import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..', '..');
const SHA = 'a'.repeat(64);
const URL = 'https://example.com/mms.tgz';

const krew = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'krew.mjs'), ...args]);

describe('the krew manifest', () => {
  it('installs this version of the npm package', async () => {
    const { stdout } = await krew('--url', URL, '--sha256', SHA, '--homepage', 'https://example.com');
    const { metadata, spec } = parse(stdout) as {
      metadata: object;
      spec: { version: string; platforms: { uri: string; sha256: string; bin: string }[] };
    };
    const { version, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
      bin: Record<string, string>;
    };
    expect(metadata).toEqual({ name: 'mms' });
    expect(spec.version).toBe(`v${version}`);
    for (const platform of spec.platforms)
      expect(platform).toMatchObject({ uri: URL, sha256: SHA, bin: bin['kubectl-mms'] });
  });

  it.each([
    ['nothing', []],
    ['no checksum', ['--url', URL, '--homepage', URL]],
    ['an invalid checksum', ['--url', URL, '--homepage', URL, '--sha256', 'abc']],
    ['an unencrypted URL', ['--url', 'http://e.example', '--homepage', URL, '--sha256', SHA]],
  ])('is not created with %s', async (_, args) => {
    await expect(krew(...args)).rejects.toMatchObject({ code: 2 });
  });
});
