import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ROOT } from './page.ts';

const run = promisify(execFile);

/** Manifests from which an installation is upgraded. */
export interface EarlierManifests {
  readonly of: string;
  /** A directory with them in `manifests/`. */
  directory(): Promise<string>;
}

/**
 * The oldest manifests that are supported, which lie in the repository, and those of the previous commit. A shallow clone
 * and an unpacked npm package have no previous commit, which is said on stderr; the oldest are always there.
 */
export async function earlierManifests(): Promise<readonly EarlierManifests[]> {
  const first: EarlierManifests = {
    of: 'the oldest supported version',
    directory: () => Promise.resolve(fileURLToPath(new URL('../fixtures/first-manifests', import.meta.url))),
  };
  try {
    const { stdout } = await run('git', ['rev-parse', '--verify', '--quiet', 'HEAD~1^{commit}'], {
      cwd: ROOT,
    });
    return [first, { of: 'the previous commit', directory: () => extract(stdout.trim()) }];
  } catch {
    process.stderr.write('no history here: the upgrade is tested from the oldest supported manifests only\n');
    return [first];
  }
}

/** Into a temporary directory, which whoever asks for it removes. */
async function extract(commit: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-earlier-'));
  const git = spawn('git', ['archive', commit, 'manifests'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tar = spawn('tar', ['-x', '-C', directory], { stdio: [git.stdout, 'ignore', 'inherit'] });
  const codes = await Promise.all([once(git, 'exit'), once(tar, 'exit')]);
  if (codes.some(([code]) => code !== 0)) throw new Error(`git archive ${commit} could not be unpacked`);
  return directory;
}
