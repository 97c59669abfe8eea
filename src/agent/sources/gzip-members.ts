import { crc32, createInflateRaw } from 'node:zlib';
import { BadArchiveError } from './errors.ts';

const CHUNK_BYTES = 64 * 1024;
const FIXED_HEADER_BYTES = 10;
/** CRC-32 and length. */
const TRAILER_BYTES = 8;
/** The most bytes of a name or a comment in a header; the format sets no limit. */
const LONGEST_TEXT_BYTES = 64 * 1024;
/** Flags of a header. Source: RFC 1952, 2.3.1. */
const [HEADER_CRC, EXTRA, NAME, COMMENT] = [0x02, 0x04, 0x08, 0x10];

/**
 * What gzip unpacks to, member by member, each checked against its CRC-32 and length. Node's own gunzip also reads
 * several members, but fails on other bytes after the last one with the same error as on damaged ones.
 * @param isDone whether the reader has all it needs; called at the end of each member. Later bytes of `packed` are
 * then read and ignored.
 * @throws BadArchiveError, or what inflating throws
 */
export async function* gunzipMembers(
  packed: AsyncIterable<Uint8Array>,
  isDone: () => boolean,
): AsyncGenerator<Uint8Array> {
  const input = packedInput(packed);
  try {
    do {
      await skipHeader(input);
      yield* inflatedMember(input);
      if (isDone()) {
        await input.drain();
        return;
      }
    } while (!(await onlyZerosFollow(input)));
  } finally {
    await input.close();
  }
}

interface PackedInput {
  /** The next bytes; undefined at the end. */
  next(): Promise<Buffer | undefined>;
  /** Exactly this many bytes. @throws BadArchiveError if the end comes before */
  take(bytes: number): Promise<Buffer>;
  /** Puts bytes back, to be read next. */
  unread(bytes: Buffer): void;
  drain(): Promise<void>;
  close(): Promise<void>;
}

function packedInput(packed: AsyncIterable<Uint8Array>): PackedInput {
  const chunks = packed[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const next = async (): Promise<Buffer | undefined> => {
    if (held.length > 0) {
      const bytes = held;
      held = Buffer.alloc(0);
      return bytes;
    }
    const result = await chunks.next();
    if (result.done === true) return undefined;
    const { buffer, byteOffset, byteLength } = result.value;
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  const unread = (bytes: Buffer): void => {
    held = Buffer.concat([bytes, held]);
  };
  return {
    next,
    unread,
    take: async (bytes) => {
      let taken = Buffer.alloc(0);
      while (taken.length < bytes) {
        const more = await next();
        if (more === undefined) throw cutOff();
        taken = Buffer.concat([taken, more]);
      }
      unread(taken.subarray(bytes));
      return taken.subarray(0, bytes);
    },
    drain: async () => {
      held = Buffer.alloc(0);
      while ((await chunks.next()).done !== true);
    },
    close: async () => {
      await chunks.return?.(undefined);
    },
  };
}

/** Source: RFC 1952, 2.3. */
async function skipHeader(input: PackedInput): Promise<void> {
  const header = await input.take(FIXED_HEADER_BYTES);
  if (header.readUInt16BE(0) !== 0x1f8b || header[2] !== 8) {
    throw new BadArchiveError('the archive is damaged: other bytes follow its gzip data');
  }
  const flags = header[3] ?? 0;
  if ((flags & EXTRA) !== 0) await input.take((await input.take(2)).readUInt16LE(0));
  if ((flags & NAME) !== 0) await skipText(input);
  if ((flags & COMMENT) !== 0) await skipText(input);
  if ((flags & HEADER_CRC) !== 0) await input.take(2);
}

async function skipText(input: PackedInput): Promise<void> {
  for (let skipped = 0; skipped <= LONGEST_TEXT_BYTES;) {
    const bytes = await input.next();
    if (bytes === undefined) throw cutOff();
    const end = bytes.indexOf(0);
    if (end !== -1) {
      input.unread(bytes.subarray(end + 1));
      return;
    }
    skipped += bytes.length;
  }
  throw new BadArchiveError('the archive is damaged: a name in its gzip header has no end');
}

async function* inflatedMember(input: PackedInput): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  const feeding = feed(input, inflate);
  // It fails when inflating fails, and the loop below throws that error.
  feeding.catch(() => undefined);
  let [crc, length] = [0, 0];
  try {
    for await (const chunk of inflate as AsyncIterable<Uint8Array>) {
      crc = crc32(chunk, crc);
      length += chunk.length;
      yield chunk;
    }
    await feeding;
  } finally {
    inflate.destroy();
  }
  const trailer = await input.take(TRAILER_BYTES);
  if (trailer.readUInt32LE(0) !== crc || trailer.readUInt32LE(4) !== length % 2 ** 32) {
    throw new BadArchiveError('the archive is damaged: the data check of gzip fails');
  }
}

/** Writes until the compressed data end, and returns the bytes after them. */
async function feed(input: PackedInput, inflate: ReturnType<typeof createInflateRaw>): Promise<void> {
  for (let given = 0; ;) {
    const bytes = await input.next();
    if (bytes === undefined) {
      inflate.end();
      return;
    }
    given += bytes.length;
    await new Promise<void>((resolve, reject) => {
      inflate.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    const unused = given - inflate.bytesWritten;
    if (unused === 0) continue;
    input.unread(bytes.subarray(bytes.length - unused));
    return;
  }
}

/** Accepts only zeros up to the end: tapes and some tools pad with them. */
async function onlyZerosFollow(input: PackedInput): Promise<boolean> {
  let zeros = false;
  for (let bytes = await input.next(); bytes !== undefined; bytes = await input.next()) {
    if (bytes[0] !== 0 && !zeros) {
      input.unread(bytes);
      return false;
    }
    zeros = true;
    if (bytes.some((byte) => byte !== 0)) {
      throw new BadArchiveError('the archive is damaged: other bytes follow its gzip data');
    }
  }
  return true;
}

function cutOff(): BadArchiveError {
  return new BadArchiveError('the archive is cut off: unexpected end of file in its gzip data');
}
