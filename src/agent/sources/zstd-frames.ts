import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { recordOf } from '../../lib/json.ts';
import { BadArchiveError } from './errors.ts';

const CHUNK_BYTES = 64 * 1024;
/** The bytes after a frame are not a frame. Node's stream says so only if they come in a chunk of their own. */
const NO_FRAME = 'ZSTD_error_prefix_unknown';

/**
 * What zstd unpacks to, frame by frame.
 * @param isDone whether the reader has all it needs; other bytes after a frame are then read and ignored
 * @throws BadArchiveError, or what decompressing throws
 */
export async function* unpackedFrames(
  packed: AsyncIterable<Uint8Array>,
  isDone: () => boolean,
): AsyncGenerator<Uint8Array> {
  const chunks = packed[Symbol.asyncIterator]();
  const zstd = createZstdDecompress({ chunkSize: CHUNK_BYTES });
  let given = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      given += next.value.length;
      yield next.value;
    }
  }
  // The reader below gets its error.
  const feeding = pipeline(counted(), zstd).catch(() => undefined);
  try {
    for await (const chunk of zstd as AsyncIterable<Uint8Array>) yield chunk;
    await feeding;
    if (zstd.bytesWritten < given && !isDone()) {
      throw new BadArchiveError('the archive is damaged: other bytes follow its zstd data');
    }
  } catch (thrown) {
    if (!isDone() || recordOf(thrown)['code'] !== NO_FRAME) throw thrown;
  }
  await feeding;
  while ((await chunks.next()).done !== true);
}
