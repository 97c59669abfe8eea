import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { constants, gunzipSync } from 'node:zlib';
import { RequestRefusedError } from './errors.ts';
import { discard } from './http-client.ts';
import type { HttpResponse } from './http-client.ts';
import { shownUri } from './redact.ts';

/**
 * The codings there are but gzip; `identity` is none. Whatever else servers write there, such as `aws-chunked`, which is how
 * an upload was signed, `utf-8` or `text/plain`, says nothing about the bytes, and no client decodes it.
 * Source: iana.org/assignments/http-parameters, "HTTP Content Coding Registry"
 */
const CODINGS: ReadonlySet<string> = new Set(
  'aes128gcm br compress x-compress dcb dcz deflate exi pack200-gzip zstd'.split(' '),
);
const GZIP: ReadonlySet<string> = new Set(['gzip', 'x-gzip']);
const GZIP_TYPE = /^application\/(x-)?(gzip|tar|gtar|compressed(-tar)?|tgz)\b/i;
/** What real servers send; each layer takes an unpacker with its buffers. */
const MOST_LAYERS = 2;
/** Of a stream, enough to know it by. */
const START_BYTES = 512;

/**
 * How often the bytes of an answer are to be unpacked to be the file. We ask for `identity`, so a server that names gzip either
 * describes the file itself, as many do with `.tgz`, or did not listen; where the name does not tell, the first bytes do, as
 * Go's client, and so KServe's agent, takes the coding off. A `.tgz` that is packed once more on its way is unpacked once.
 * @param asked the URL before redirects: a store that is redirected to often has no file name in its own.
 * @throws RequestRefusedError when it has another coding.
 */
export async function gzipLayers(response: HttpResponse, asked: URL): Promise<number> {
  const { headers, url, body } = response;
  const encoding = headers.get('content-encoding') ?? '';
  const codings = encoding
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => CODINGS.has(coding) || GZIP.has(coding));
  if (codings.length === 0) return 0;
  if (codings.length > MOST_LAYERS || !codings.every((coding) => GZIP.has(coding))) {
    discard(response);
    throw new RequestRefusedError(
      `${shownUri(url.href)}: the source insists on the content-encoding '${encoding.slice(0, 40)}', so its length and ` +
        'digests cannot be checked. Let it serve the file as it is.',
    );
  }
  if (!isGzip(await startOf(body, 2))) return 0;
  // A tar may be compressed, whatever its name.
  const named = [asked, url].some(({ pathname }) => /\.(t?gz|tar)$/i.test(pathname));
  const isItself = named || GZIP_TYPE.test(headers.get('content-type') ?? '');
  if (isItself) return isGzip(unpackedStart(await startOf(body))) ? 1 : 0;
  return codings.length;
}

/** The first bytes of a body, so many where it has them, which are then still to be read. */
export async function startOf(body: Readable, bytes = START_BYTES): Promise<Buffer> {
  let start = Buffer.alloc(0);
  // The first byte may come alone. What has come is taken out meanwhile: while it is there, each look finds it at once.
  for (let isOver = false; start.length < bytes && !isOver;) {
    await readableOrOver(body);
    const part = body.read() as Buffer | null;
    if (part !== null) start = Buffer.concat([start, part]);
    isOver = part === null || ('complete' in body && body.complete === true);
  }
  // In the same turn as the last look, before the stream tells of its end.
  if (start.length > 0) body.unshift(start);
  return start;
}

/** A body of no bytes that has come whole is never readable: it only ends. */
async function readableOrOver(body: Readable): Promise<void> {
  if (body.readableEnded) return;
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(body, 'readable', { signal }), once(body, 'end', { signal })]);
  } finally {
    settled.abort();
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** What the first bytes of a gzip unpack to; nothing where they are too few, or damaged. */
function unpackedStart(start: Buffer): Buffer {
  try {
    return gunzipSync(start.subarray(0, START_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}
