import { lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { refuseUnwritable, writeArchive } from '../../../../src/cli/diagnostics/diagnostics-archive.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';

const REFUSED = expect.objectContaining({
  code: 'ARCHIVE_FILE',
  message: expect.stringContaining('add --force'),
});

describe('the file of the archive', () => {
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mms-archive-'));
    file = join(directory, 'archive.tar.gz');
  });

  afterEach(() => rm(directory, { recursive: true }));

  const write = (force: boolean): Promise<void> =>
    writeArchive(file, new Map([['about.yaml', 'mms: 1\n']]), { now: 0 as EpochMs, force });

  it('may be missing', async () => {
    await expect(refuseUnwritable(file, false)).resolves.toBeUndefined();
    await expect(write(false)).resolves.toBeUndefined();
  });

  it.each([
    ['a file', () => writeFile(file, 'mine')],
    ['a dangling link', () => symlink(join(directory, 'nowhere'), file)],
  ])('must not be %s, before and after the collection', async (_, make) => {
    await make();
    const before = await lstat(file);
    await expect(refuseUnwritable(file, false)).rejects.toEqual(REFUSED);
    await expect(write(false)).rejects.toEqual(REFUSED);
    expect((await lstat(file)).ino).toBe(before.ino);
  });

  it('may be overwritten with --force, and is then readable only by its owner', async () => {
    await writeFile(file, 'mine', { mode: 0o644 });
    await write(true);
    expect((await lstat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file)).subarray(0, 2).toString('hex')).toBe('1f8b');
  });

  it.each([false, true])('must not be in a missing directory (forced: %s)', async (force) => {
    const lost = join(directory, 'nowhere', 'archive.tar.gz');
    const cannot = expect.objectContaining({
      code: 'ARCHIVE_FILE',
      message: expect.stringContaining(`cannot write ${lost}: ENOENT`),
    });
    await expect(refuseUnwritable(lost, force)).rejects.toEqual(cannot);
    // More than fits into the buffers.
    const files = new Map(['a', 'b', 'c'].map((name) => [name, 'x'.repeat(4_000_000)] as const));
    await expect(writeArchive(lost, files, { now: 0 as EpochMs, force })).rejects.toEqual(cannot);
  });
});
