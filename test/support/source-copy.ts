import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, '..', '..');
/** A fixed author and date, so that the commit is always the same. */
const COMMIT = {
  GIT_AUTHOR_NAME: 'test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_AUTHOR_DATE: '2001-02-03T04:05:06Z',
  GIT_COMMITTER_NAME: 'test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
  GIT_COMMITTER_DATE: '2001-02-03T04:05:06Z',
};

/** Makes a repository with the current sources, committed or not, as one commit, and with the installed packages. */
export async function copySources(directory: string): Promise<void> {
  const list = [
    '-C',
    REPOSITORY,
    'ls-files',
    '--cached',
    '--others',
    '--exclude-standard',
    '--deduplicate',
    '-z',
  ];
  const { stdout } = await run('git', list, { maxBuffer: 64 * 1024 ** 2 });
  for (const name of stdout.split('\0').filter((path) => path !== '')) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    // A file that was deleted but not committed is still listed.
    await cp(join(REPOSITORY, name), join(directory, name)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  }
  const git = (...args: string[]) =>
    run('git', ['-C', directory, ...args], { env: { ...process.env, ...COMMIT } });
  await git('init', '--quiet');
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'As it is');
  await copyModules(directory);
}

/** The same commit in another directory. */
export async function cloneSources(from: string, directory: string): Promise<void> {
  await run('git', ['clone', '--quiet', from, directory]);
  await copyModules(directory);
}

/** With hard links where possible, because it is half a gigabyte. */
async function copyModules(directory: string): Promise<void> {
  const modules = join(REPOSITORY, 'node_modules');
  await run('cp', ['-al', modules, directory]).catch(() => run('cp', ['-a', modules, directory]));
}
