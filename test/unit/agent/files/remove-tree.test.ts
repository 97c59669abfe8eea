import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '../../../../src/agent/files/remove-tree.ts';

describe('removing a tree', () => {
  let root: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'kserve-mms-remove-')));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it.each<[string, () => Promise<unknown>]>([
    ['nothing', () => Promise.resolve()],
    ['a file', () => writeFile(join(root, 'x'), '')],
    ['an empty directory', () => mkdir(join(root, 'x'))],
    ['more files than one read returns', () => files(join(root, 'x'), 1_000)],
    [
      'nested directories with the names of lifted ones',
      async () => {
        for (const way of ['a/b/c', 'a/d', '.lifted-1/.lifted-1', '.lifted-2/x', 'e']) {
          await mkdir(join(root, 'x', way), { recursive: true });
          await writeFile(join(root, 'x', way, 'f'), '');
        }
      },
    ],
    ['a tree deeper than the maximum length of a path', () => deep(join(root, 'x'), 40)],
  ])('%s', async (_name, make) => {
    await make();
    await removeTree(join(root, 'x'));
    expect(await readdir(root)).toEqual([]);
  });

  it('removes links, but not their targets', async () => {
    await files(join(root, 'kept'), 3);
    await mkdir(join(root, 'x/inner'), { recursive: true });
    for (const place of ['x/a', 'x/inner/a', 'y']) symlinkSync(join(root, 'kept'), join(root, place));
    await removeTree(join(root, 'x'));
    await removeTree(join(root, 'y'));
    expect(await readdir(root)).toEqual(['kept']);
    expect(await readdir(join(root, 'kept'))).toHaveLength(3);
  });

  it('does not follow a link', async () => {
    await files(join(root, 'kept/x'), 3);
    symlinkSync(join(root, 'kept'), join(root, 'link'));
    await expect(removeTree(join(root, 'link/x'))).rejects.toMatchObject({ code: 'PLANTED_ENTRY' });
    expect(await readdir(join(root, 'kept/x'))).toHaveLength(3);
  });
});

async function files(directory: string, count: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (let index = 0; index < count; index += 1) await writeFile(join(directory, `f${index}`), '');
}

/** Built from its end, because no path reaches that deep. */
async function deep(path: string, depth: number): Promise<void> {
  await mkdir(path);
  for (let level = 1; level < depth; level += 1) {
    await mkdir(`${path}.up`);
    await rename(path, join(`${path}.up`, 'd'.repeat(200)));
    await rename(`${path}.up`, path);
  }
}
