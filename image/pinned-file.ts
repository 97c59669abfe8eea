import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../src/lib/errors.ts';
import { ImageError } from './errors.ts';

/** A file of others that the image is made of. */
export interface PinnedFile {
  /** What a person calls it. */
  readonly title: string;
  /** Its name in the cache. */
  readonly file: string;
  /** `sha512-…` or `sha256-…`, in base64. */
  readonly integrity: string;
  /** Leaves it, and nothing else, in a directory. */
  readonly download: (directory: string) => Promise<void>;
  /** What to do when it cannot be downloaded. */
  readonly advice: string;
}

/**
 * The path of the file, in the cache or downloaded into it; never anything but what was pinned.
 * @throws {ImageError} PACKAGE_UNAVAILABLE, PACKAGE_CHANGED
 */
export async function fetchPinned(pinned: PinnedFile, cache: string): Promise<string> {
  const place = join(cache, pinned.file);
  const cached = await readFile(place).catch(() => undefined);
  if (cached !== undefined && matches(cached, pinned.integrity)) return place;
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, 'download-'));
  try {
    const downloaded = await download(pinned, directory);
    if (!matches(await readFile(downloaded), pinned.integrity)) {
      throw new ImageError(
        'PACKAGE_CHANGED',
        `${pinned.title} is not the file that image/base.json names (${pinned.integrity}); ` +
          'find out where it comes from before you change the pin',
      );
    }
    await rename(downloaded, place);
    return place;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function download(pinned: PinnedFile, directory: string): Promise<string> {
  try {
    await pinned.download(directory);
    const [name] = await readdir(directory);
    if (name === undefined) throw new Error('nothing was downloaded');
    return join(directory, name);
  } catch (thrown) {
    throw new ImageError(
      'PACKAGE_UNAVAILABLE',
      `cannot download ${pinned.title}: ${messageOf(thrown).trim()}\n${pinned.advice}`,
      { cause: thrown },
    );
  }
}

function matches(content: Buffer, integrity: string): boolean {
  const algorithm = integrity.slice(0, integrity.indexOf('-'));
  return `${algorithm}-${createHash(algorithm).update(content).digest('base64')}` === integrity;
}
