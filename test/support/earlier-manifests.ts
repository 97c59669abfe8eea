import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ROOT } from './page.ts';

const run = promisify(execFile);

/** Manifests from which an installation is upgraded. */
export interface EarlierManifests {
  readonly of: string;
  open(): Promise<OpenManifests>;
}

export interface OpenManifests {
  /** The directory that contains `manifests/`. */
  readonly directory: string;
  /** Removes what `open` made. The checkout is not changed. */
  close(): Promise<void>;
}

/**
 * The oldest supported manifests and those of 0.1.0, which are in the repository, and those of the previous commit. A
 * shallow clone and an unpacked npm package have no previous commit, which is reported on stderr; the others always
 * exist.
 */
export async function earlierManifests(): Promise<readonly EarlierManifests[]> {
  const kept = [
    inTheRepository('the oldest supported version', 'first-manifests'),
    inTheRepository('version 0.1.0', '0.1.0'),
  ];
  try {
    const { stdout } = await run('git', ['rev-parse', '--verify', '--quiet', 'HEAD~1^{commit}'], {
      cwd: ROOT,
    });
    return [...kept, { of: 'the previous commit', open: () => extract(stdout.trim()) }];
  } catch {
    process.stderr.write('no history here: the upgrade is tested from the kept manifests only\n');
    return kept;
  }
}

function inTheRepository(of: string, name: string): EarlierManifests {
  const directory = fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
  return { of, open: () => Promise.resolve({ directory, close: () => Promise.resolve() }) };
}

/** The last commit whose webhook configurations have the former name. */
const FORMER_NAME = '134d2bdc1c04d404ff538b5c6756c8703cd97b3d';

/**
 * Manifests and program of the last version whose webhook configurations are named `kserve-mms`; undefined without
 * history. The program runs from its sources, with the packages of this checkout, of which express is here for it alone.
 */
export async function versionOfFormerName(): Promise<
  (OpenManifests & { readonly program: string }) | undefined
> {
  try {
    await run('git', ['cat-file', '-e', `${FORMER_NAME}^{commit}`], { cwd: ROOT });
  } catch {
    process.stderr.write('no history here: the upgrade from the former name is not tested\n');
    return undefined;
  }
  const version = await extract(FORMER_NAME, ['manifests', 'src', 'package.json']);
  await symlink(join(ROOT, 'node_modules'), join(version.directory, 'node_modules'));
  return { ...version, program: join(version.directory, 'src', 'main.ts') };
}

async function extract(commit: string, paths: readonly string[] = ['manifests']): Promise<OpenManifests> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-earlier-'));
  const git = spawn('git', ['archive', commit, ...paths], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tar = spawn('tar', ['-x', '-C', directory], { stdio: [git.stdout, 'ignore', 'inherit'] });
  const codes = await Promise.all([once(git, 'exit'), once(tar, 'exit')]);
  if (codes.some(([code]) => code !== 0)) throw new Error(`git archive ${commit} could not be unpacked`);
  return { directory, close: () => rm(directory, { recursive: true }) };
}
