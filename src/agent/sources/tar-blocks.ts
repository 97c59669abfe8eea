import { hasChecksum } from './archive-start.ts';
import { BadArchiveError } from './errors.ts';

const BLOCK_BYTES = 512;
/** The parser refuses longer ones. */
const LONGEST_PAX_BYTES = 4 * 1024 ** 2;
/** Pax headers, and GNU's long names: they describe the next entry. */
const META_TYPES = 'xgLKN';

/** Follows the blocks of a tar. The parser reports neither the end of the archive nor the bytes after it. */
export interface TarBlocks {
  /**
   * The bytes of the chunk to pass on: only whole headers, and nothing after the end. Empty headers that describe
   * the next entry are omitted: the parser (tar-stream 3) would take the next content for theirs.
   * @throws BadArchiveError when an entry follows a zero block, because programs disagree about where that archive ends
   */
  take(chunk: Uint8Array): Uint8Array[];
  /**
   * The bytes to add at the end of the stream.
   * @param lengthIsProved a digest, a length or the trailer of a compression proves that no byte is missing
   * @throws BadArchiveError when entries may be missing
   */
  finish(lengthIsProved: boolean): Uint8Array;
  readonly ended: boolean;
}

type Place = { readonly at: 'header' } | Content | { readonly at: 'zero block' } | { readonly at: 'end' };

interface Content {
  readonly at: 'content';
  /** The bytes still to come: content, then the padding of its last block. */
  left: number;
  readonly padding: number;
  /** Set if the content is a pax header. */
  readonly pax?: { readonly isGlobal: boolean; readonly parts: Buffer[] };
}

/** The sizes that pax headers set for the entries after them. */
interface PaxSizes {
  readonly global?: number | undefined;
  readonly next?: number | undefined;
}

/**
 * The end of a tar is two blocks of zeros. One is enough for GNU tar, bsdtar and Python when no entry follows. All of
 * them ignore what comes after the end. Source: POSIX pax, "ustar Interchange Format", and docs/agent-inside.md.
 */
export function createTarBlocks(): TarBlocks {
  const block = Buffer.alloc(BLOCK_BYTES);
  let filled = 0;
  let place: Place = { at: 'header' };
  let sizes: PaxSizes = {};

  const takeContent = (content: Content, bytes: Uint8Array): void => {
    content.left -= bytes.length;
    content.pax?.parts.push(Buffer.from(bytes));
    if (content.left > 0) return;
    place = { at: 'header' };
    if (content.pax !== undefined) sizes = sizesAfter(content.pax, content.padding, sizes);
  };
  /** Returns whether to pass the block to the parser. */
  const takeBlock = (): boolean => {
    if (place.at === 'zero block') {
      if (!isZero(block) && hasChecksum(block)) throw twoEnds();
      place = { at: 'end' };
      return false;
    }
    if (isZero(block)) {
      place = { at: 'zero block' };
      return true;
    }
    const content = contentAfter(block, sizes.next);
    const isMeta = META_TYPES.includes(typeOf(block));
    if (!isMeta) sizes = { global: sizes.global };
    if (content.left > 0) place = content;
    return !isMeta || content.left > 0 || !hasChecksum(block);
  };

  return {
    take: (chunk) => {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < chunk.length && place.at !== 'end';) {
        if (place.at === 'content') {
          const part = chunk.subarray(at, at + place.left);
          at += part.length;
          takeContent(place, part);
          parts.push(part);
          continue;
        }
        const part = chunk.subarray(at, at + BLOCK_BYTES - filled);
        block.set(part, filled);
        at += part.length;
        filled = (filled + part.length) % BLOCK_BYTES;
        if (filled === 0 && takeBlock()) parts.push(Buffer.from(block));
      }
      return parts;
    },
    finish: (lengthIsProved) => {
      const atBoundary = place.at === 'header' && filled === 0;
      const missing = place.at === 'content' && place.left <= place.padding ? place.left : 0;
      if ((atBoundary || missing > 0) && !lengthIsProved) throw noEnd();
      // The parser refuses a partial header.
      return place.at === 'header' ? Buffer.from(block.subarray(0, filled)) : Buffer.alloc(missing);
    },
    get ended() {
      return place.at === 'end';
    },
  };
}

function contentAfter(header: Buffer, paxSizeOfEntry: number | undefined): Content {
  const type = typeOf(header);
  const nameEnd = header.subarray(0, 100).indexOf(0);
  const name = header.toString('latin1', 0, nameEnd === -1 ? 100 : nameEnd);
  const isDirectory = type === '5' || ('0\0'.includes(type) && name.endsWith('/'));
  const size = META_TYPES.includes(type) ? fieldSize(header) : (paxSizeOfEntry ?? fieldSize(header));
  const bytes = isDirectory || !Number.isSafeInteger(size) || size < 0 ? 0 : size;
  const padding = (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
  const isPax = 'xg'.includes(type) && bytes <= LONGEST_PAX_BYTES;
  const pax = { isGlobal: type === 'g', parts: [] };
  return { at: 'content', left: bytes + padding, padding, ...(isPax && { pax }) };
}

function typeOf(header: Buffer): string {
  return header.toString('latin1', 156, 157);
}

/** As the parser does: a global header counts only for entries that have one of their own. */
function sizesAfter(
  { isGlobal, parts }: NonNullable<Content['pax']>,
  padding: number,
  { global, next }: PaxSizes,
): PaxSizes {
  const body = Buffer.concat(parts);
  const size = paxSize(body.subarray(0, body.length - padding));
  return isGlobal ? { global: size, next } : { global, next: size ?? global };
}

/** Octal, or binary when the first bit is set (GNU and POSIX 2001). */
function fieldSize(header: Buffer): number {
  if (header[124] === 0x80) return Number(header.readBigUInt64BE(128));
  return Number.parseInt(header.toString('latin1', 124, 136).replace(/^[ \0]+/, ''), 8) || 0;
}

/** The `size` of a pax header: records of `<length> <key>=<value>\n`. */
function paxSize(records: Buffer): number | undefined {
  let size: number | undefined;
  for (let at = 0; at < records.length;) {
    const blank = records.indexOf(0x20, at);
    const length = Number.parseInt(records.toString('latin1', at, blank === -1 ? at : blank), 10);
    if (!(length > 0)) return size;
    const [, value] = /^size=(\d+)$/.exec(records.toString('latin1', blank + 1, at + length - 1)) ?? [];
    if (value !== undefined) size = Number(value);
    at += length;
  }
  return size;
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function twoEnds(): BadArchiveError {
  return new BadArchiveError(
    'the archive is damaged: an entry follows a block of zeros, which ends a tar. Pack the model again.',
  );
}

function noEnd(): BadArchiveError {
  return new BadArchiveError(
    'the archive is cut off, or was written without an end marker: its source gives no length to check. ' +
      'Pack the model again with tar, or let the source send a Content-Length.',
  );
}
