import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BadArchiveError, PullError } from './errors.ts';

/**
 * The content of an object that its store marks as gzip. If the bytes are not gzip, because the mark was set by hand,
 * they are passed on unchanged.
 * @throws BadArchiveError when the gzip is damaged
 */
export async function* gunzipped(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = stored[Symbol.asyncIterator]();
  try {
    let head = Buffer.alloc(0);
    let ended = false;
    while (head.length < 2 && !ended) {
      const next = await chunks.next();
      if (next.done === true) ended = true;
      else head = Buffer.concat([head, next.value]);
    }
    const all = after(head, chunks);
    if (head[0] === 0x1f && head[1] === 0x8b) yield* inflated(all);
    else yield* all;
  } finally {
    await chunks.return?.();
  }
}

/** The same, for bytes packed several times. */
export function gunzippedTimes(stored: AsyncIterable<Uint8Array>, times: number): AsyncIterable<Uint8Array> {
  let bytes = stored;
  for (let left = times; left > 0; left -= 1) bytes = gunzipped(bytes);
  return bytes;
}

async function* after(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

async function* inflated(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const input = Readable.from(stored, { objectMode: true });
  input.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const chunk of input.pipe(gunzip) as AsyncIterable<Uint8Array>) yield chunk;
  } catch (cause) {
    if (cause instanceof PullError || !String((cause as { code?: unknown }).code).startsWith('Z_'))
      throw cause;
    throw new BadArchiveError(
      'the object is marked with Content-Encoding gzip, and its gzip is damaged. Upload it again.',
      { cause },
    );
  } finally {
    input.destroy();
    gunzip.destroy();
  }
}
