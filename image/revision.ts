import { messageOf } from '../src/lib/errors.ts';
import { ImageError } from './errors.ts';
import { outputOf } from './program.ts';

export interface Revision {
  /** The commit's hash, with `-dirty` behind it when the working tree is not what was committed. */
  readonly id: string;
  readonly created: Date;
}

const SHOWN_CHANGES = 5;

/**
 * What the image is of. Its time is SOURCE_DATE_EPOCH (seconds since 1970) or that of the commit.
 *
 * @throws {ImageError} DIRTY_TREE unless that is allowed, NO_REVISION
 */
export async function revisionOf(
  root: string,
  { allowDirty, epoch }: { readonly allowDirty: boolean; readonly epoch: string | undefined },
): Promise<Revision> {
  const [hash, time, changes] = await Promise.all([
    git(root, 'rev-parse', 'HEAD'),
    git(root, 'log', '-1', '--format=%ct'),
    git(root, 'status', '--porcelain', '--untracked-files=normal'),
  ]);
  const dirty = changes !== '';
  if (dirty && !allowDirty) {
    const lines = changes.split('\n');
    throw new ImageError(
      'DIRTY_TREE',
      `the working tree is not what is committed, so the image would be of no commit:
${lines.slice(0, SHOWN_CHANGES).join('\n')}${lines.length > SHOWN_CHANGES ? '\n…' : ''}
Commit or remove these changes, or pass --allow-dirty, which says so in the image's revision.`,
    );
  }
  return { id: dirty ? `${hash}-dirty` : hash, created: timeOf(epoch ?? time) };
}

function timeOf(epoch: string): Date {
  if (/^\d{1,11}$/.test(epoch)) return new Date(Number(epoch) * 1000);
  throw new ImageError(
    'USAGE',
    `SOURCE_DATE_EPOCH is to be seconds since 1970, and is ${JSON.stringify(epoch)}`,
  );
}

async function git(root: string, ...args: string[]): Promise<string> {
  try {
    return (await outputOf('git', ['-C', root, ...args])).toString('utf8').trimEnd();
  } catch (thrown) {
    throw new ImageError(
      'NO_REVISION',
      `git does not say which commit this is: ${messageOf(thrown).trim()}\nBuild the image in a clone of the repository.`,
      { cause: thrown },
    );
  }
}
