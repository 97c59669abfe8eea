import { createReadStream } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, normalize, relative, sep } from 'node:path';
import { AccessDeniedError, InvalidUriError, NotFoundError, UnsafeEntryError } from './errors.ts';
import { printable, shownUri } from './redact.ts';
import type { RemoteFile, Source, SourceContext } from './source.ts';
import type { SourceSettings } from './settings.ts';

/** A path inside the one directory it may not leave, with all links resolved. */
interface Place {
  readonly root: string;
  readonly path: string;
}

/**
 * `pvc://<claim>/<path>` in a volume mounted below `pvcRoot`, and `file:///<path>` below one of `fileRoots`. Files are copied:
 * a hard link would let a later write to the volume change a model that is loaded. Links are followed inside the root only.
 */
export function createFileSource({ settings }: SourceContext): Source {
  return {
    find: async (uri) => {
      const wanted = await locate(uri, settings);
      const info = await stat(wanted.path);
      const files = info.isDirectory()
        ? below(wanted, '', new Set([wanted.path]))
        : only(await fileAt(wanted, basename(wanted.path)));
      return { files: notEmpty(files, uri), version: undefined };
    },
    close: () => Promise.resolve(),
  };
}

async function locate(uri: string, settings: SourceSettings): Promise<Place> {
  const [, scheme = '', authority = '', path = ''] = /^([a-z]+):\/\/([^/]*)(.*)$/is.exec(uri) ?? [];
  if (scheme.toLowerCase() === 'pvc') {
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(authority)) {
      throw new InvalidUriError(`${shownUri(uri)}: expected pvc://<claim>/<path>`);
    }
    const root = join(settings.pvcRoot, authority);
    return resolved(uri, [root], join(root, normalize(`/${path}`)));
  }
  if (authority !== '') throw new InvalidUriError(`${shownUri(uri)}: expected file:///<absolute path>`);
  return resolved(uri, settings.fileRoots, normalize(`/${path}`));
}

async function resolved(uri: string, roots: readonly string[], path: string): Promise<Place> {
  for (const root of roots) {
    // The spelling is judged first, so that a path outside is refused alike whether or not it exists.
    if (!isInside(normalize(root), path)) continue;
    const realRoot = await realpath(root);
    const place = { root: realRoot, path: await realpath(path) };
    if (isInside(realRoot, place.path)) return place;
  }
  const allowed = roots.length === 0 ? 'none' : roots.join(', ');
  throw new AccessDeniedError(`${shownUri(uri)}: only paths below these directories may be read: ${allowed}`);
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}

/** @param open directories on the way down, so that a link to one of them does not go round for ever. */
async function* below(place: Place, prefix: string, open: ReadonlySet<string>): AsyncGenerator<RemoteFile> {
  for (const name of (await readdir(place.path)).sort()) {
    const path = join(place.path, name);
    const real = (await lstat(path)).isSymbolicLink() ? await realpath(path) : path;
    const shown = printable(prefix + name);
    if (!isInside(place.root, real)) {
      throw new UnsafeEntryError(`'${shown}' is a link that leads out of the volume. Store the file itself.`);
    }
    if ((await stat(real)).isDirectory()) {
      if (open.has(real)) throw new UnsafeEntryError(`'${shown}' is a link to a directory that contains it`);
      yield* below({ root: place.root, path: real }, `${prefix}${name}/`, new Set([...open, real]));
    } else yield await fileAt({ root: place.root, path: real }, prefix + name);
  }
}

async function fileAt({ path: source }: Place, path: string): Promise<RemoteFile> {
  const info = await stat(source);
  if (!info.isFile()) throw new UnsafeEntryError(`'${printable(path)}' is neither a file nor a directory`);
  return {
    path,
    size: info.size,
    open: ({ offset }) =>
      Promise.resolve({
        body: createReadStream(source, { start: offset, highWaterMark: 256 * 1024 }),
        totalBytes: info.size,
        tag: undefined,
        digests: [],
      }),
  };
}

async function* only(file: RemoteFile): AsyncGenerator<RemoteFile> {
  await Promise.resolve();
  yield file;
}

async function* notEmpty(files: AsyncIterable<RemoteFile>, uri: string): AsyncGenerator<RemoteFile> {
  let found = false;
  for await (const file of files) {
    found = true;
    yield file;
  }
  if (!found) throw new NotFoundError(`${shownUri(uri)}: the directory holds no files`);
}
