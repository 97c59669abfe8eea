import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '../../../../src/agent/files/make-directory.ts';

describe('making the model directory', () => {
  let root: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'kserve-mms-make-')));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('creates missing parents, accepts an existing directory, and follows a link', async () => {
    expect(makeDirectory(join(root, 'a/b/c'))).toBe(join(root, 'a/b/c'));
    expect(makeDirectory(join(root, 'a/b/c'))).toBe(join(root, 'a/b/c'));
    expect((await stat(join(root, 'a/b/c'))).isDirectory()).toBe(true);
    await symlink(join(root, 'a'), join(root, 'link'));
    expect(makeDirectory(join(root, 'link'))).toBe(join(root, 'a'));
    expect(makeDirectory(join(root, 'link/d/e'))).toBe(join(root, 'a/d/e'));
  });

  it.each([
    '/proc/models',
    '/proc/models/a/b',
    '/proc/self/models',
    '/proc/self/fd/models/a',
    '/sys/models/a',
    'FILE',
    'FILE/models',
    'DANGLING',
    'DANGLING/models',
    'LOOP/models',
  ])('%s: fails at once with the reason', async (path) => {
    await writeFile(join(root, 'file'), '');
    await symlink(join(root, 'nothing'), join(root, 'dangling'));
    await symlink(join(root, 'loop'), join(root, 'loop'));
    await mkdir(join(root, 'other'));
    const wanted = path.replace(/^(FILE|DANGLING|LOOP)/, (name) => join(root, name.toLowerCase()));
    expect(() => makeDirectory(wanted)).toThrow(
      expect.objectContaining({ code: 'MODEL_DIRECTORY', message: expect.stringContaining('--model-dir') }),
    );
  });
});
