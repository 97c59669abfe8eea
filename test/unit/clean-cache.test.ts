import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'clean-cache.mjs');
const GO = "Go's own caches are shared with your other work; to empty them: go clean -cache -modcache\n";

let cache = '';
let ours = '';

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'clean-cache-'));
  ours = join(cache, 'kserve-mms');
});
afterEach(() => rm(cache, { recursive: true }));

async function clean(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  return (await promisify(execFile)(process.execPath, [SCRIPT, ...args], { env })).stderr;
}

async function fill(): Promise<void> {
  await mkdir(join(ours, 'tools/crane'), { recursive: true });
  await mkdir(join(ours, 'cluster/default'), { recursive: true });
  await mkdir(join(cache, 'others'));
  await writeFile(join(ours, 'tools/crane/crane'), Buffer.alloc(3 * 1024 ** 2));
  await writeFile(join(cache, 'others/file'), '');
  await symlink(join(cache, 'others'), join(ours, 'tools/link'));
}

describe('npm run clean:cache', () => {
  it('removes our files except running clusters, and does not follow links', async () => {
    await fill();
    expect(await clean()).toBe(
      `removed: ${ours}/tools (3 MiB)
kept: ${ours}/cluster, the clusters of mms cluster up; end them with: mms cluster down
${GO}`,
    );
    expect(existsSync(join(ours, 'tools'))).toBe(false);
    expect(existsSync(join(ours, 'cluster/default'))).toBe(true);
    expect(existsSync(join(cache, 'others/file'))).toBe(true);
  });

  it('removes nothing with --list', async () => {
    await fill();
    expect(await clean('--list')).toContain(`is there: ${ours}/tools (3 MiB)\n`);
    expect(existsSync(join(ours, 'tools/crane/crane'))).toBe(true);
  });

  it('says when the cache is empty', async () => {
    expect(await clean()).toBe(`nothing is kept in ${ours}\n${GO}`);
  });

  it('rejects unknown options', async () => {
    await fill();
    await expect(clean('--lst')).rejects.toThrow(/usage: npm run clean:cache/);
    expect(existsSync(join(ours, 'tools'))).toBe(true);
  });
});
