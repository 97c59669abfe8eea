import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Extract, Header } from 'tar-stream';
import { archiveFault } from './archive.ts';
import { judgeTarStart } from './archive-start.ts';
import type { TarStart } from './archive-start.ts';
import { BadArchiveError, LimitExceededError, UnsafeEntryError } from './errors.ts';
import { isError } from './is-error.ts';
import { printable } from './redact.ts';
import type { ModelLimits } from './settings.ts';
import type { TreeWriter } from './tree-writer.ts';

export interface TarOptions {
  readonly limits: ModelLimits;
  /** Another name for an entry, or undefined to leave it out before its type is looked at. */
  readonly rename?: ((name: string, type: EntryType) => string | undefined) | undefined;
}

/** Null for a type that the parser does not know. */
export type EntryType = Header['type'] | null;

/** The parser's own types leave out that an entry can be read as a stream of bytes, and its option for pre-POSIX tars. */
interface Entry extends AsyncIterable<Uint8Array> {
  readonly header: Header;
  resume(): unknown;
}
const EXTRACT_OPTIONS = { allowUnknownFormat: true } as Parameters<typeof extract>[0];

const CHUNK_BYTES = 64 * 1024;
const BLOCK_BYTES = 512;
const OWNER_MAY_EXECUTE = 0o100;

/**
 * Unpacks a tar, plain or compressed by gzip (also several members in a row) or zstd, as it arrives.
 * Only files and directories are taken; what else an archive can hold is refused by name.
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
  const feeding = feed(packed, entries, options.limits, onStart).then(
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
  limits: ModelLimits,
  onStart: (start: TarStart) => void,
): Promise<void> {
  const chunks = packed[Symbol.asyncIterator]();
  const counter = { packedBytes: 0 };
  async function* counted(first: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let chunk = first; ;) {
      counter.packedBytes += chunk.length;
      yield chunk;
      const next = await chunks.next();
      if (next.done === true) return;
      chunk = next.value;
    }
  }
  try {
    const first = await chunks.next();
    if (first.done === true) throw new BadArchiveError('the archive is empty');
    const decoder = decoderFor(first.value);
    const checked = (unpacked: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> =>
      inspected(unpacked as AsyncIterable<Uint8Array>, {
        ...{ counter, limits, onStart, endIsProved: decoder !== undefined },
      });
    const stages = [counted(first.value), ...(decoder === undefined ? [] : [decoder]), checked, entries];
    await pipeline(stages as unknown as readonly NodeJS.ReadWriteStream[]);
  } catch (error) {
    entries.destroy(isError(error) ? error : undefined);
    throw error;
  } finally {
    await chunks.return?.(undefined);
  }
}

function decoderFor(start: Uint8Array): NodeJS.ReadWriteStream | undefined {
  const magic = Buffer.from(start.subarray(0, 4)).toString('hex');
  if (magic.startsWith('1f8b')) return createGunzip({ chunkSize: CHUNK_BYTES });
  if (magic === '28b52ffd') return createZstdDecompress({ chunkSize: CHUNK_BYTES });
  return undefined;
}

interface Inspection {
  readonly counter: { readonly packedBytes: number };
  readonly limits: ModelLimits;
  /** Told before the first entry comes. */
  readonly onStart: (start: TarStart) => void;
  /** The compression has a trailer of its own, by which a stream that was cut off shows. */
  readonly endIsProved: boolean;
}

/**
 * Watches the unpacked bytes go by: what they are, the ratio, and the zero block without which POSIX calls a tar incomplete.
 * Some writers leave it out; where nothing else proves that all has come, it is insisted on.
 */
async function* inspected(
  unpacked: AsyncIterable<Uint8Array>,
  { counter, limits, onStart, endIsProved }: Inspection,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let zeros = 0;
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of unpacked) {
    bytes += chunk.length;
    checkRatio(bytes, counter.packedBytes, limits);
    const trailing = trailingZeros(chunk);
    zeros = trailing === chunk.length ? zeros + trailing : trailing;
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < BLOCK_BYTES) continue;
    onStart(judgeTarStart(start.subarray(0, BLOCK_BYTES)));
    yield start;
    start = undefined;
  }
  if (start !== undefined) judgeTarStart(start);
  if (zeros < BLOCK_BYTES && !endIsProved)
    throw new BadArchiveError('the archive is cut off: it has no end marker');
}

/** @throws LimitExceededError when so much came out of so little that it must be a bomb. */
export function checkRatio(unpackedBytes: number, packedBytes: number, limits: ModelLimits): void {
  if (unpackedBytes <= limits.ratioFloorBytes || unpackedBytes <= packedBytes * limits.maxRatio) return;
  throw new LimitExceededError(
    `the archive unpacks to more than ${limits.maxRatio} times its size, the limit; it is taken for a bomb`,
  );
}

function trailingZeros(chunk: Uint8Array): number {
  let index = chunk.length;
  while (index > 0 && chunk[index - 1] === 0) index -= 1;
  return chunk.length - index;
}

async function unpackEntry(entry: Entry, tree: TreeWriter, { rename }: TarOptions): Promise<void> {
  const { header } = entry;
  const name = rename === undefined ? header.name : rename(header.name, header.type);
  if (name === undefined) {
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
  throw new UnsafeEntryError(
    `'${shown}' is a ${(type as EntryType) ?? 'special entry'}; only files and directories are taken`,
  );
}
