import { constants, createReadStream } from 'node:fs';
import { lstat, open as openFile, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, normalize, relative, sep } from 'node:path';
import { recordOf } from '../../lib/json.ts';
import { isMarkerName } from '../../contract/model-marker.ts';
import { AccessDeniedError, InvalidUriError, NotFoundError, UnsafeEntryError } from './errors.ts';
import { printable, shownUri } from './redact.ts';
import type { RemoteFile, Source, SourceContext } from './source.ts';
import type { SourceSettings } from './settings.ts';

/** A path inside its root directory, with all links resolved. */
interface Place {
  readonly root: string;
  readonly path: string;
}

/**
 * `pvc://<claim>/<path>` in a volume mounted below `pvcRoot`, and `file:///<path>` below one of `fileRoots`. Files are copied:
 * with a hard link, a later write to the volume would change a loaded model. Links are followed inside the root only.
 */
export function createFileSource({ settings }: SourceContext): Source {
  return {
    find: async (uri) => {
      const wanted = await locate(uri, settings);
      const info = await reading(shownUri(uri), () => stat(wanted.path));
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
    const isMounted = await stat(root).then(
      () => true,
      (thrown: unknown) => recordOf(thrown)['code'] !== 'ENOENT',
    );
    if (!isMounted)
      throw new NotFoundError(
        `${shownUri(uri)}: nothing is mounted at ${root}. Mount the volume of the claim into the agent's container.`,
      );
    return resolved(uri, [root], join(root, normalize(`/${path}`)));
  }
  if (authority !== '') throw new InvalidUriError(`${shownUri(uri)}: expected file:///<absolute path>`);
  return resolved(uri, settings.fileRoots, normalize(`/${path}`));
}

async function resolved(uri: string, roots: readonly string[], path: string): Promise<Place> {
  for (const root of roots) {
    // The spelling is checked first, so a path outside is refused alike whether or not it exists.
    if (!isInside(normalize(root), path)) continue;
    const realRoot = await realpath(root);
    const place = { root: realRoot, path: await reading(shownUri(uri), () => realpath(path)) };
    if (isInside(realRoot, place.path)) return place;
  }
  const allowed = roots.length === 0 ? 'none' : roots.join(', ');
  throw new AccessDeniedError(`${shownUri(uri)}: only paths below these directories may be read: ${allowed}`);
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}

/**
 * What file systems, storage drivers and their servers put at the top of a volume: ext's directory and the files of its
 * quota and journal, snapshots (NetApp, ZFS, CephFS, UFS, Synology), GlusterFS's metadata, and the trash and indexes of
 * desktops. Often only root may read them.
 */
const OF_THE_FILE_SYSTEM: ReadonlySet<string> = new Set([
  ...['lost+found', 'aquota.user', 'aquota.group', 'quota.user', 'quota.group', '.journal', '.sujournal'],
  ...[
    '.snapshot',
    '.snapshots',
    '~snapshot',
    '#snapshot',
    '.snap',
    '.zfs',
    '.ckpt',
    '.glusterfs',
    '.trashcan',
  ],
  ...['@eadir', '#recycle', '@recycle', '$recycle.bin', '.trashes', 'system volume information'],
  ...['.fseventsd', '.spotlight-v100'],
]);
const TRASH_OF_A_USER = /^\.Trash(?:-\d+)?$/;
/** Snapshots that a server shows in each directory, and what an NFS client keeps of a file deleted while open. */
const ANYWHERE = /^(?:\.snapshots?|[~#]snapshot|@eaDir|\.nfs[0-9a-f]{16,24})$/;
/**
 * Where Kubernetes keeps the content of ConfigMaps and Secrets. The names beside it link into it. Source: its
 * atomic_writer.go.
 */
const PROJECTED = '..data';

/** @param open directories on the way down, so that a link to one of them does not loop. */
async function* below(place: Place, prefix: string, open: ReadonlySet<string>): AsyncGenerator<RemoteFile> {
  const isTop = prefix === '' && place.path === place.root;
  const names = await reading(prefix === '' ? '.' : prefix, () => readdir(place.path));
  if (names.length === 0 && prefix !== '') yield emptyDirectory(prefix.slice(0, -1));
  for (const name of names.sort()) {
    const path = join(place.path, name);
    if (ANYWHERE.test(name) || (isTop && isOfFileSystem(name))) continue;
    if (names.includes(PROJECTED) && name.startsWith('..')) continue;
    if (prefix === '' && isMarkerName(name)) continue;
    // Below the top it may be a user's own directory. It is skipped only if it belongs to a mounted volume: root's
    // alone.
    if (isOfFileSystem(name) && (await mayNotBeRead(path))) continue;
    const shown = prefix + name;
    const isLink = (await reading(shown, () => lstat(path))).isSymbolicLink();
    const real = isLink ? await reading(shown, () => realpath(path)) : path;
    if (!isInside(place.root, real)) {
      throw new UnsafeEntryError(
        `'${printable(shown)}' is a link that leads out of the volume. Store the file itself.`,
      );
    }
    if ((await reading(shown, () => stat(real))).isDirectory()) {
      if (open.has(real)) {
        throw new UnsafeEntryError(`'${printable(shown)}' is a link to a directory that contains it`);
      }
      yield* below({ root: place.root, path: real }, `${shown}/`, new Set([...open, real]));
    } else yield await fileAt({ root: place.root, path: real }, shown);
  }
}

function isOfFileSystem(name: string): boolean {
  return OF_THE_FILE_SYSTEM.has(name.toLowerCase()) || TRASH_OF_A_USER.test(name);
}

async function mayNotBeRead(path: string): Promise<boolean> {
  try {
    // Do not wait for a pipe of that name.
    const handle = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await handle.close();
    return false;
  } catch (thrown) {
    return ['EACCES', 'EPERM'].includes((thrown as NodeJS.ErrnoException).code ?? '');
  }
}

async function fileAt({ path: source }: Place, path: string): Promise<RemoteFile> {
  const info = await reading(path, () => stat(source));
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

/** Triton, for one, wants the empty directories of its ensembles. */
function emptyDirectory(path: string): RemoteFile {
  const open = (): Promise<never> =>
    Promise.reject(new UnsafeEntryError(`'${printable(path)}' is a directory`));
  return { path, size: 0, directory: true, open };
}

/**
 * Runs one read of the volume. Its errors name the file, since a message with the volume alone leaves you to search it.
 * @throws AccessDeniedError, NotFoundError; other errors unchanged.
 */
async function reading<T>(path: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const shown = printable(path);
    if (code === 'EACCES' || code === 'EPERM') {
      const message = `'${shown}' cannot be read by the agent's user (${code}). Let that user read it, or set the pod's fsGroup.`;
      throw new AccessDeniedError(message, { cause });
    }
    if (code === 'ENOENT' || code === 'ELOOP') {
      const message = `'${shown}' does not exist, or is a broken link (${code}). Store the file itself.`;
      throw new NotFoundError(message, { cause });
    }
    throw cause;
  }
}

async function* only(file: RemoteFile): AsyncGenerator<RemoteFile> {
  await Promise.resolve();
  yield file;
}

async function* notEmpty(files: AsyncIterable<RemoteFile>, uri: string): AsyncGenerator<RemoteFile> {
  let found = false;
  for await (const file of files) {
    found ||= file.directory !== true;
    yield file;
  }
  if (!found) throw new NotFoundError(`${shownUri(uri)}: the directory holds no files`);
}
