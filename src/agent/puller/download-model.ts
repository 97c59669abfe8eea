import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../lib/clock.ts';
import { NotFoundError } from '../sources/errors.ts';
import { shownUri } from '../sources/redact.ts';
import { baseName } from '../sources/relative-path.ts';
import type { SourceSettings } from '../sources/settings.ts';
import type { RemoteFile, Source, Unpacking } from '../sources/source.ts';
import { transfer } from '../sources/transfer.ts';
import { createTreeWriter } from '../sources/tree-writer.ts';
import type { TreeWriter } from '../sources/tree-writer.ts';
import { createWatch } from '../sources/watch.ts';
import type { Watch } from '../sources/watch.ts';
import type { PullRequest, PullResult } from './contract.ts';
import type { BufferPairs } from './buffer-pairs.ts';
import type { DiskRoom } from './disk-room.ts';
import { eachDownload } from './downloads.ts';
import type { SharedDownloads } from './downloads.ts';
import { type Destination, makeDestination, removeDestination } from './destination.ts';

/** What the pulls of one process share. */
interface DownloadContext {
  readonly sources: Source;
  readonly settings: SourceSettings;
  readonly clock: Clock;
  readonly shared: SharedDownloads;
  readonly room: DiskRoom;
  readonly buffers: BufferPairs;
  /**
   * Makes the check called with each file of a model before it is opened. It throws if this process must not fetch it.
   */
  readonly admission?: () => (file: RemoteFile) => void;
}

type Pulled = Extract<PullResult, { kind: 'pulled' }>;

interface Download {
  readonly context: DownloadContext;
  readonly uri: string;
  readonly destination: Destination;
  readonly tree: TreeWriter;
  readonly signal: AbortSignal;
  readonly giveUp: () => void;
}

/** Between two progress reports. */
const PROGRESS_EVERY_MS = 250;
/** A model that arrives sooner is not reported as in progress. */
const FIRST_PROGRESS_BYTES = 64 * 1024;

/**
 * Downloads one model into `request.destination`. Operations on directories are synchronous: they take microseconds,
 * several times less than handing them to another thread.
 * @param onBytes called with the bytes on disk so far, a few times a second.
 * @throws PullError, or what a client throws. No partial files are left.
 */
export async function downloadModel(
  { storageUri: uri, destination: path }: PullRequest,
  context: DownloadContext,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Pulled> {
  const destination = makeDestination(path);
  const stopper = new AbortController();
  const tree = createTreeWriter(destination.root, context.settings.limits, throttled(context.clock, onBytes));
  try {
    const either = AbortSignal.any([signal, stopper.signal]);
    const giveUp = (): void => stopper.abort();
    const version = await fill({ context, uri, destination, tree, signal: either, giveUp });
    if (tree.totals.files === 0) throw new NotFoundError(`${shownUri(uri)}: it holds no files`);
    return { kind: 'pulled', ...tree.totals, ...(version === undefined ? {} : { version }) };
  } catch (thrown) {
    stopper.abort();
    await removeDestination(path);
    throw thrown;
  } finally {
    tree.close();
    destination.close();
  }
}

async function fill(download: Download): Promise<string | undefined> {
  const { context, uri, signal } = download;
  // Listing files is waiting without bytes, so no rate applies.
  const settings = { ...context.settings, minimumBytesPerSecond: 0 };
  const watch = createWatch({ settings, clock: context.clock, signal, shown: shownUri(uri) });
  try {
    const model = await watch.over(context.sources.find(uri, watch.signal));
    const { shared, settings: own } = context;
    const options = { perModel: own.downloadsPerModel, shared, giveUp: download.giveUp };
    await eachDownload(unpacked(download, watched(model.files, watch)), options, (file) =>
      store(download, file),
    );
    return model.version;
  } finally {
    watch.stop();
  }
}

async function* watched(files: AsyncIterable<RemoteFile>, watch: Watch): AsyncGenerator<RemoteFile> {
  const each = files[Symbol.asyncIterator]();
  for (;;) {
    const next = await watch.over(each.next());
    if (next.done === true) return;
    yield next.value;
  }
}

async function store(download: Download, file: RemoteFile): Promise<void> {
  await withRoom(download, file, (content) => download.tree.writeFile(file.path, content));
}

/** Unpacks the archives among the files as they arrive, and passes on the others. */
async function* unpacked(download: Download, files: AsyncIterable<RemoteFile>): AsyncGenerator<RemoteFile> {
  const admit = download.context.admission?.();
  for await (const file of files) {
    admit?.(file);
    if (file.directory === true) download.tree.addDirectory(file.path);
    else if (file.unpacking === undefined) yield file;
    else await unpack(download, file, file.unpacking);
  }
}

async function unpack(download: Download, file: RemoteFile, { kind, rename }: Unpacking): Promise<void> {
  const { context, destination, tree } = download;
  const { limits } = context.settings;
  if (kind === 'tar') {
    const { unpackTar } = await import('../sources/archive-tar.ts');
    // The transfer fails if it does not match the length that the source gave.
    const options = { limits, rename, lengthIsProved: file.size !== undefined };
    await withRoom(download, file, (content) => unpackTar(content, tree, options));
    return;
  }
  const { unpackZip } = await import('../sources/archive-zip.ts');
  const { archive } = destination;
  // A zip is read from its end, so it must be complete first.
  await withRoom(download, file, (content) => pipeline(content, createWriteStream(archive, { flags: 'wx' })));
  await unpackZip(archive, tree, limits);
  await rm(archive);
}

async function withRoom(
  { context, uri, destination, signal }: Download,
  file: RemoteFile,
  use: (content: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const { settings, clock, room, buffers } = context;
  const claim = room.claim(destination.root.path, file.size ?? 0);
  const taken = file.reusesBuffers === true ? buffers.take() : undefined;
  async function* content(): AsyncGenerator<Uint8Array> {
    const shown = shownFile(uri, file);
    for await (const chunk of transfer(file, { settings, clock, signal, shown, pair: taken?.pair })) {
      claim.wrote(chunk.length);
      yield chunk;
    }
  }
  try {
    await use(file.decode?.(content()) ?? content());
  } finally {
    claim.release();
    taken?.release();
  }
}

function shownFile(uri: string, { path }: RemoteFile): string {
  const shown = shownUri(uri);
  return baseName(shown) === path ? shown : `${shown} (${shownUri(path)})`;
}

function throttled(clock: Clock, onBytes: (bytes: number) => void): (bytes: number) => void {
  let total = 0;
  let reported = false;
  let last = clock.monotonic();
  return (bytes) => {
    total += bytes;
    const now = clock.monotonic();
    if (now - last < PROGRESS_EVERY_MS && (reported || total < FIRST_PROGRESS_BYTES)) return;
    reported = true;
    last = now;
    onBytes(total);
  };
}
