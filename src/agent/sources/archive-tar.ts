import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import type { Extract, Header } from 'tar-stream';
import { archiveFault } from './archive.ts';
import { checkTarStart } from './archive-start.ts';
import type { TarStart } from './archive-start.ts';
import { BadArchiveError, LimitExceededError, UnsafeEntryError } from './errors.ts';
import { gunzipMembers } from './gzip-members.ts';
import { isError } from './is-error.ts';
import { printable } from './redact.ts';
import type { ModelLimits } from './settings.ts';
import { createTarBlocks } from './tar-blocks.ts';
import type { TarBlocks } from './tar-blocks.ts';
import { isForeignMarker } from './tree-writer.ts';
import type { TreeWriter } from './tree-writer.ts';
import { unpackedFrames } from './zstd-frames.ts';

export interface TarOptions {
  readonly limits: ModelLimits;
  /** The source gave a length or digest, and the stream fails if it does not match. */
  readonly lengthIsProved?: boolean;
  /** Returns another name for the entry, or undefined to skip it whatever its type. */
  readonly rename?: ((name: string, type: EntryType) => string | undefined) | undefined;
}

/** Null for a type that the parser does not know. */
export type EntryType = Header['type'] | null;

/** The parser's types omit that an entry is an async iterable of bytes, and the option for pre-POSIX tars. */
interface Entry extends AsyncIterable<Uint8Array> {
  readonly header: Header;
  resume(): unknown;
}
const EXTRACT_OPTIONS = { allowUnknownFormat: true } as Parameters<typeof extract>[0];

const BLOCK_BYTES = 512;
/** The longer of the magic numbers of gzip and zstd. */
const MAGIC_BYTES = 4;
const OWNER_MAY_EXECUTE = 0o100;

/**
 * Unpacks a tar as it arrives: plain, or compressed with gzip (also several members) or zstd.
 * Only files and directories are accepted. Entries of any other type are refused by name.
 * @throws PullError
 */
export async function unpackTar(
  packed: AsyncIterable<Uint8Array>,
  tree: TreeWriter,
  options: TarOptions,
): Promise<void> {
  const entries = extract(EXTRACT_OPTIONS);
  const first = { isLabel: false };
  const onStart = ({ isLabelled }: TarStart): void => {
    first.isLabel = isLabelled;
  };
  const feeding = feed(packed, entries, options, onStart).then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    for await (const entry of entries as AsyncIterable<Entry>) {
      if (first.isLabel) entry.resume();
      else await unpackEntry(entry, tree, options);
      first.isLabel = false;
    }
  } catch (error) {
    entries.destroy();
    throw archiveFault([error, await feeding]);
  }
  const fault = await feeding;
  if (fault !== undefined) throw archiveFault([fault]);
}

async function feed(
  packed: AsyncIterable<Uint8Array>,
  entries: Extract,
  options: TarOptions,
  onStart: (start: TarStart) => void,
): Promise<void> {
  const chunks = packed[Symbol.asyncIterator]();
  const counter = { packedBytes: 0 };
  const blocks = createTarBlocks();
  async function* counted(first: Uint8Array): AsyncGenerator<Uint8Array> {
    let afterEnd = 0;
    for (let chunk = first; ;) {
      counter.packedBytes += chunk.length;
      if (blocks.ended) afterEnd += chunk.length;
      if (afterEnd > options.limits.maxBytes) throw tooMuchAfterEnd(options.limits);
      yield chunk;
      const next = await chunks.next();
      if (next.done === true) return;
      chunk = next.value;
    }
  }
  try {
    const first = await startOf(chunks);
    if (first.length === 0) throw new BadArchiveError('the archive is empty');
    const unpacked = decoded(first, counted(first), blocks);
    const lengthIsProved = unpacked.endIsProved || options.lengthIsProved === true;
    const inspection = { ...options, counter, onStart, blocks, lengthIsProved };
    await pipeline(inspected(unpacked.bytes, inspection), entries as unknown as NodeJS.WritableStream);
  } catch (error) {
    entries.destroy(isError(error) ? error : undefined);
    throw error;
  } finally {
    await chunks.return?.(undefined);
  }
}

/** Enough bytes to identify the compression, and the rest of the last chunk. Servers may send the first bytes alone. */
async function startOf(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let start = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  return start;
}

interface Decoded {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The compression has its own trailer, so a truncated stream is detected. */
  readonly endIsProved: boolean;
}

function decoded(start: Uint8Array, packed: AsyncIterable<Uint8Array>, blocks: TarBlocks): Decoded {
  const magic = Buffer.from(start.subarray(0, MAGIC_BYTES)).toString('hex');
  if (magic.startsWith('1f8b'))
    return { bytes: gunzipMembers(packed, () => blocks.ended), endIsProved: true };
  if (magic === '28b52ffd') return { bytes: unpackedFrames(packed, () => blocks.ended), endIsProved: true };
  return { bytes: packed, endIsProved: false };
}

interface Inspection {
  readonly counter: { readonly packedBytes: number };
  readonly limits: ModelLimits;
  /** Called before the first entry. */
  readonly onStart: (start: TarStart) => void;
  readonly blocks: TarBlocks;
  readonly lengthIsProved: boolean;
}

/** Checks the unpacked bytes: the format, the ratio, and the end of the archive. Bytes after the end are dropped. */
async function* inspected(
  unpacked: AsyncIterable<Uint8Array>,
  { counter, limits, onStart, blocks, lengthIsProved }: Inspection,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let dropped = 0;
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of unpacked) {
    bytes += chunk.length;
    checkRatio(bytes, counter.packedBytes, limits);
    let ready: Uint8Array = chunk;
    if (start !== undefined) {
      start = Buffer.concat([start, chunk]);
      if (start.length < BLOCK_BYTES) continue;
      onStart(checkTarStart(start.subarray(0, BLOCK_BYTES)));
      ready = start;
      start = undefined;
    }
    dropped += ready.length;
    for (const part of blocks.take(ready)) {
      dropped -= part.length;
      yield part;
    }
    if (dropped > limits.maxBytes) throw tooMuchAfterEnd(limits);
  }
  if (start !== undefined) checkTarStart(start);
  const rest = blocks.finish(lengthIsProved);
  if (rest.length > 0) yield rest;
}

function tooMuchAfterEnd({ maxBytes }: ModelLimits): LimitExceededError {
  return new LimitExceededError(
    `more than ${maxBytes} bytes, the limit for one model, follow the end of the archive`,
  );
}

/** @throws LimitExceededError when the ratio is so high that the archive must be a bomb. */
export function checkRatio(unpackedBytes: number, packedBytes: number, limits: ModelLimits): void {
  if (unpackedBytes <= limits.ratioFloorBytes || unpackedBytes <= packedBytes * limits.maxRatio) return;
  throw new LimitExceededError(
    `the archive unpacks to more than ${limits.maxRatio} times its size, the limit; it is taken for a bomb`,
  );
}

async function unpackEntry(entry: Entry, tree: TreeWriter, { rename }: TarOptions): Promise<void> {
  const { header } = entry;
  const name = rename === undefined ? header.name : rename(header.name, header.type);
  // A marker is not part of the model, whatever its type.
  if (name === undefined || isForeignMarker(name)) {
    entry.resume();
    return;
  }
  refuseOddEntries(header);
  if (header.type === 'directory') {
    entry.resume();
    tree.addDirectory(name);
    return;
  }
  const executable = (header.mode & OWNER_MAY_EXECUTE) !== 0;
  await tree.writeFile(name, entry, { executable });
}

function refuseOddEntries({ type, name, pax }: Header): void {
  const shown = printable(name);
  if (type === 'symlink' || type === 'link') {
    throw new UnsafeEntryError(
      `'${shown}' is a ${type === 'link' ? 'hard' : 'symbolic'} link; links are refused. Pack the files themselves.`,
    );
  }
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.'))) {
    throw new BadArchiveError(`'${shown}' is a sparse file, which is not supported. Pack without --sparse.`);
  }
  if (type === 'file' || type === 'contiguous-file' || type === 'directory') return;
  // The parser does not know GNU's old type for sparse files either.
  const kind = (type as EntryType) ?? 'special entry, such as a sparse file (pack without --sparse)';
  throw new UnsafeEntryError(`'${shown}' is a ${kind}; only files and directories are taken`);
}
