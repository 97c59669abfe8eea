import { BadArchiveError } from './errors.ts';

const BLOCK_BYTES = 512;

/** What is known of a tar by its first block. */
export interface TarStart {
  /** GNU tar's `--label`: the first entry names the archive, and holds no file. */
  readonly isLabelled: boolean;
}

/** Formats by their first bytes, in hexadecimal, and what a person should do. */
const OTHERS: readonly (readonly [string, string])[] = [
  ['504b0304', 'it is a zip: give it a name that ends in .zip'],
  ['504b0506', 'it is an empty zip'],
  ['425a68', 'bzip2 is not supported: pack the model with gzip'],
  ['fd377a585a00', 'xz is not supported: pack the model with gzip'],
  ['377abcaf271c', '7z is not supported: pack the model with tar and gzip'],
  ['1f9d', 'compress (.Z) is not supported: pack the model with gzip'],
  ['04224d18', 'lz4 is not supported: pack the model with gzip'],
  ['5d00008000', 'lzma is not supported: pack the model with gzip'],
  ['526172211a07', 'rar is not supported: pack the model with tar and gzip'],
  ['1f8b', 'it is compressed twice: pack the model with gzip once'],
  ['28b52ffd', 'it is compressed twice: pack the model once'],
];

/**
 * Judges the first block of an unpacked tar; all of it where there is less.
 * @throws BadArchiveError that says what it is in place of a tar
 */
export function judgeTarStart(start: Buffer): TarStart {
  if (start.length >= BLOCK_BYTES && (hasChecksum(start) || start.every((byte) => byte === 0))) {
    return { isLabelled: start[156] === 'V'.charCodeAt(0) };
  }
  const other = otherFormat(start);
  if (other !== undefined) throw new BadArchiveError(`the archive is no tar: ${other}`);
  if (start.length < BLOCK_BYTES) {
    throw new BadArchiveError(`the archive is no tar, or is cut off: it holds ${start.length} bytes`);
  }
  // Its parser says more of a header that is damaged.
  return { isLabelled: false };
}

/** What a person should know of bytes that are no tar; undefined when they are nothing that is known. */
export function otherFormat(start: Buffer): string | undefined {
  const hex = start.toString('hex', 0, 8);
  return OTHERS.find(([magic]) => hex.startsWith(magic))?.[1] ?? textFormat(start);
}

/** What text came in place of an archive, with what to do; undefined when it is none that is known. */
export function textFormat(start: Buffer): string | undefined {
  const text = start
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .trimStart();
  if (/^<(?:!doctype html|html|head|body)\b/i.test(text)) {
    return 'it is a web page, most likely a login or an error: open the storageUri in a browser';
  }
  if (text.startsWith('<'))
    return 'it is XML, most likely an error of the store: ask for the storageUri with curl';
  if (/^[{[]/.test(text))
    return 'it is JSON, most likely an error of the server: ask for the storageUri with curl';
  if (text.startsWith('version https://git-lfs')) {
    return 'it is a pointer of Git LFS: store the file itself (git lfs pull)';
  }
  return undefined;
}

/** The sum of the block's bytes, its own field taken for blanks. Source: POSIX pax, "ustar Interchange Format". */
export function hasChecksum(block: Buffer): boolean {
  const wanted = Number.parseInt(block.toString('latin1', 148, 156).replace(/[\0 ]/g, ''), 8);
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum === wanted;
}
