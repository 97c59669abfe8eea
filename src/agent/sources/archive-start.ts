import { BadArchiveError } from './errors.ts';

const BLOCK_BYTES = 512;

/** What the first block of a tar says. */
export interface TarStart {
  /** GNU tar's `--label`: the first entry names the archive and has no content. */
  readonly isLabelled: boolean;
}

/** Formats by their first bytes in hexadecimal, and what the user should do. */
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
 * Checks the first block of an unpacked tar, or all of it if the tar is shorter.
 * @throws BadArchiveError that names the format found
 */
export function checkTarStart(start: Buffer): TarStart {
  if (start.length >= BLOCK_BYTES && (hasChecksum(start) || start.every((byte) => byte === 0))) {
    return { isLabelled: start[156] === 'V'.charCodeAt(0) };
  }
  const other = otherFormat(start);
  if (other !== undefined) throw new BadArchiveError(`the archive is not a tar: ${other}`);
  if (start.length < BLOCK_BYTES) {
    throw new BadArchiveError(`the archive is not a tar, or is cut off: it holds ${start.length} bytes`);
  }
  // For a damaged header the parser has the better message.
  return { isLabelled: false };
}

/** What the bytes are if they are not a tar, and what to do. Undefined if the format is unknown. */
export function otherFormat(start: Buffer): string | undefined {
  const hex = start.toString('hex', 0, 8);
  return OTHERS.find(([magic]) => hex.startsWith(magic))?.[1] ?? textFormat(start);
}

/** What text came instead of an archive, and what to do. Undefined if it is not recognized. */
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
    return 'it is a Git LFS pointer: store the file itself (git lfs pull)';
  }
  return undefined;
}

/** The sum of the block's bytes, with blanks in the checksum field. Source: POSIX pax, "ustar Interchange Format". */
export function hasChecksum(block: Buffer): boolean {
  const wanted = Number.parseInt(block.toString('latin1', 148, 156).replace(/[\0 ]/g, ''), 8);
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum === wanted;
}
