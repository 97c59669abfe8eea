import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { getFileNameLowLevel, openPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { archiveFault } from './archive.ts';
import { hasChecksum, otherFormat } from './archive-start.ts';
import { checkRatio } from './archive-tar.ts';
import { BadArchiveError, LimitExceededError, UnsafeEntryError } from './errors.ts';
import { printable } from './redact.ts';
import type { ModelLimits } from './settings.ts';
import { isForeignMarker } from './tree-writer.ts';
import type { TreeWriter } from './tree-writer.ts';

const FILE_TYPE_MASK = 0o170000;
const SYMBOLIC_LINK = 0o120000;
const ORDINARY_TYPES: ReadonlySet<number> = new Set([0, 0o100000, 0o040000]);
const OWNER_MAY_EXECUTE = 0o100;
const LOCAL_HEADER_BYTES = 30;
/** Enough to recognize a text or a tar. */
const START_BYTES = 512;
const SIZE_IN_ZIP64_FIELD = 0xffff_ffff;
/** General purpose bit 3: sizes and CRC follow the data (APPNOTE 4.4.4). */
const DATA_DESCRIPTOR = 0x8;

/**
 * Unpacks a zip file, zip64 too. The whole central directory is checked before the first byte is written.
 * @throws PullError
 */
export async function unpackZip(file: string, tree: TreeWriter, limits: ModelLimits): Promise<void> {
  try {
    await withZip(file, (zip) => checkEntries(zip, limits));
    await withZip(file, async (zip) => {
      for await (const entry of zip.eachEntry()) await unpackEntry(zip, entry, tree);
    });
  } catch (error) {
    throw archiveFault([error]);
  }
}

async function withZip(file: string, use: (zip: ZipFile) => Promise<void>): Promise<void> {
  // Names stay bytes: our policy checks them, and the parser repairs nothing.
  const zip = await openPromise(file, { autoClose: false, decodeStrings: false }).catch(
    async (cause: unknown) => {
      const other = formatOf(await startOf(file));
      throw other === undefined
        ? cause
        : new BadArchiveError(`the archive is not a zip: ${other}`, { cause });
    },
  );
  try {
    await use(zip);
  } finally {
    zip.close();
  }
}

/** What came instead of a zip. Undefined for a truncated zip, which starts like a whole one. */
function formatOf(start: Buffer): string | undefined {
  if (start.readUInt16BE(0) === 0x504b) return undefined;
  if (start.readUInt16BE(0) === 0x1f8b) return 'it is gzip: give it a name that ends in .tar.gz';
  if (start.length === START_BYTES && hasChecksum(start))
    return 'it is a tar: give it a name that ends in .tar';
  return otherFormat(start);
}

async function startOf(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(START_BYTES), 0, START_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Checks the sizes, number and positions of all entries. With overlapping entries a small file unpacks to petabytes.
 */
async function checkEntries(zip: ZipFile, limits: ModelLimits): Promise<void> {
  if (zip.entryCount > limits.maxEntries) {
    throw new LimitExceededError(
      `the archive has ${zip.entryCount} entries; ${limits.maxEntries} is the limit`,
    );
  }
  const spans: [start: number, end: number][] = [];
  let unpackedBytes = 0;
  for await (const entry of zip.eachEntry()) {
    const start = entry.relativeOffsetOfLocalHeader;
    spans.push([start, start + LOCAL_HEADER_BYTES + entry.fileNameLength + entry.compressedSize]);
    unpackedBytes += entry.uncompressedSize;
    if (unpackedBytes > limits.maxBytes) {
      throw new LimitExceededError(`the archive unpacks to more than ${limits.maxBytes} bytes, the limit`);
    }
  }
  checkRatio(unpackedBytes, zip.fileSize, limits);
  spans.sort(([a], [b]) => a - b);
  const overlapping = spans.some(([start], index) => start < (spans[index - 1]?.[1] ?? 0));
  if (overlapping) throw new BadArchiveError('the archive has entries that overlap; it is taken for a bomb');
}

async function unpackEntry(zip: ZipFile, entry: Entry, tree: TreeWriter): Promise<void> {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  if (isForeignMarker(name)) return;
  const mode = entry.externalFileAttributes >>> 16;
  refuseOddEntries(entry, name, mode & FILE_TYPE_MASK);
  await compareWithLocalHeader(zip, entry, name);
  if (name.endsWith('/')) {
    tree.addDirectory(name);
    return;
  }
  const stream = await zip.openReadStreamPromise(entry);
  // The parser may report a fault again after the reader has stopped.
  stream.on('error', () => undefined);
  const executable = (mode & OWNER_MAY_EXECUTE) !== 0;
  await tree.writeFile(name, crcChecked(stream as AsyncIterable<Uint8Array>, entry, name), { executable });
}

function refuseOddEntries(entry: Entry, name: string, type: number): void {
  const shown = printable(name);
  if (type === SYMBOLIC_LINK) {
    throw new UnsafeEntryError(
      `'${shown}' is a symbolic link; links are refused. Pack the files themselves.`,
    );
  }
  if (!ORDINARY_TYPES.has(type)) {
    throw new UnsafeEntryError(`'${shown}' is a special file; only files and directories are taken`);
  }
  if (entry.isEncrypted()) throw new BadArchiveError(`'${shown}' is encrypted, which is not supported`);
  if (!entry.canDecodeFileData()) {
    throw new BadArchiveError(
      `'${shown}' is packed by method ${entry.compressionMethod}; only stored and deflate are supported`,
    );
  }
}

/** Programs that read from the front use the local header, others the central directory: the two must agree. */
async function compareWithLocalHeader(zip: ZipFile, entry: Entry, name: string): Promise<void> {
  const local = await zip.readLocalFileHeaderPromise(entry);
  const sizesFollow = (local.generalPurposeBitFlag & DATA_DESCRIPTOR) !== 0;
  const sameSize = (here: number, there: number): boolean => here === there || here === SIZE_IN_ZIP64_FIELD;
  const same =
    local.fileName.equals(entry.fileNameRaw) &&
    local.compressionMethod === entry.compressionMethod &&
    (sizesFollow ||
      (local.crc32 === entry.crc32 &&
        sameSize(local.compressedSize, entry.compressedSize) &&
        sameSize(local.uncompressedSize, entry.uncompressedSize)));
  if (!same) {
    throw new BadArchiveError(`'${printable(name)}' is described differently in two places of the archive`);
  }
}

async function* crcChecked(
  content: AsyncIterable<Uint8Array>,
  entry: Entry,
  name: string,
): AsyncGenerator<Uint8Array> {
  let crc = 0;
  for await (const chunk of content) {
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (crc !== entry.crc32)
    throw new BadArchiveError(`'${printable(name)}' is damaged: its CRC-32 does not match`);
}
