import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { constants, gunzipSync } from 'node:zlib';
import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { RequestRefusedError } from './errors.ts';
import { discard } from './http-client.ts';
import type { HttpResponse } from './http-client.ts';
import { shownUri } from './redact.ts';

/**
 * All registered codings but gzip; `identity` means no coding. Other values that servers send, such as `aws-chunked`
 * (how an upload was signed), `utf-8` or `text/plain`, say nothing about the bytes, and no client decodes them.
 * Source: iana.org/assignments/http-parameters, "HTTP Content Coding Registry"
 */
const CODINGS: ReadonlySet<string> = new Set(
  'aes128gcm br compress x-compress dcb dcz deflate exi pack200-gzip zstd'.split(' '),
);
const GZIP: ReadonlySet<string> = new Set(['gzip', 'x-gzip']);
const GZIP_TYPE = /^application\/(x-)?(gzip|tar|gtar|compressed(-tar)?|tgz)\b/i;
/** The most layers that real servers send. Each layer needs an unpacker with its buffers. */
const MOST_LAYERS = 2;
/** Enough of a stream to recognize its format. */
const START_BYTES = 512;

/**
 * How many times the bytes of an answer must be unpacked to get the file. We ask for `identity`. A server that still
 * names gzip either describes the file itself, as many do for `.tgz`, or ignored the request. If the file name does not
 * decide, the first bytes do: Go's client, and so KServe's agent, removes the coding. A `.tgz` packed again in transit
 * is unpacked once.
 * @param asked the URL before redirects: a store behind a redirect often has no file name in its URL.
 * @throws RequestRefusedError for any other coding.
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
  // A tar may be compressed whatever its name.
  const named = [asked, url].some(({ pathname }) => /\.(t?gz|tar)$/i.test(pathname));
  const isItself = named || GZIP_TYPE.test(headers.get('content-type') ?? '');
  if (isItself) return isGzip(unpackedStart(await startOf(body))) ? 1 : 0;
  return codings.length;
}

/** The first bytes of a body, or all of a shorter one. They are put back and remain to be read. */
export async function startOf(body: Readable, bytes = START_BYTES): Promise<Buffer> {
  let start = Buffer.alloc(0);
  // The first byte may come alone. Take out what has come: while it stays, `readable` fires at once each time.
  for (let isOver = false; start.length < bytes && !isOver;) {
    await readableOrOver(body);
    const part = body.read() as Buffer | null;
    if (part !== null) start = Buffer.concat([start, part]);
    isOver = part === null || ('complete' in body && body.complete === true);
  }
  // In the same turn as the last read, before the stream emits its end.
  if (start.length > 0) body.unshift(start);
  return start;
}

/** An empty body that has arrived whole never becomes readable: it only ends. */
async function readableOrOver(body: Readable): Promise<void> {
  if (body.readableEnded || body.readableLength > 0) return;
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(body, 'readable', { signal }), once(body, 'end', { signal })]);
  } finally {
    settled.abort(NO_MORE_WAITING);
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** What the first bytes of a gzip unpack to. Empty if they are too few or damaged. */
function unpackedStart(start: Buffer): Buffer {
  try {
    return gunzipSync(start.subarray(0, START_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}
