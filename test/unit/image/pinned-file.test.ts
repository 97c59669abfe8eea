import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetchPinned } from '../../../image/pinned-file.ts';
import type { PinnedFile } from '../../../image/pinned-file.ts';

let cache: string;
let downloads: number;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'pinned-file-test-'));
  downloads = 0;
});
afterEach(() => rm(cache, { recursive: true }));

/** A file that is pinned to `content` and downloaded as `served`. */
function pinned(content: string, served: string | Error = content): PinnedFile {
  return {
    title: 'the package p 1.0',
    file: 'p.deb',
    integrity: `sha256-${createHash('sha256').update(content).digest('base64')}`,
    download: async (directory) => {
      downloads += 1;
      if (served instanceof Error) throw served;
      await writeFile(join(directory, 'p_1.0_any.deb'), served);
    },
    advice: 'Do this.',
  };
}

describe('a pinned file', () => {
  it('is downloaded once, and then taken from the cache', async () => {
    for (const _ of [1, 2]) {
      expect(await readFile(await fetchPinned(pinned('good'), cache), 'utf8')).toBe('good');
    }
    expect(downloads).toBe(1);
    expect(await readdir(cache)).toEqual(['p.deb']);
  });

  it('is downloaded again when the cached file does not match', async () => {
    await writeFile(join(cache, 'p.deb'), 'half a fi');
    expect(await readFile(await fetchPinned(pinned('good'), cache), 'utf8')).toBe('good');
  });

  it('is rejected when the download does not match', async () => {
    await expect(fetchPinned(pinned('good', 'evil'), cache)).rejects.toMatchObject({
      code: 'PACKAGE_CHANGED',
      message: expect.stringMatching(/the package p 1\.0 is not the file that image\/base\.json names/),
    });
    expect(await readdir(cache)).toEqual([]);
  });

  it('fails with the reason and the solution when the download fails', async () => {
    await expect(fetchPinned(pinned('good', new Error('no network')), cache)).rejects.toMatchObject({
      code: 'PACKAGE_UNAVAILABLE',
      message: 'cannot download the package p 1.0: no network\nDo this.',
    });
    expect(await readdir(cache)).toEqual([]);
  });
});
