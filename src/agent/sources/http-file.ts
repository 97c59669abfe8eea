import { once } from 'node:events';
import { announcedDigests } from './http-headers.ts';
import { discard, expectSuccess } from './http-client.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts';
import type { ExpectedDigest } from './digest.ts';
import { RequestRefusedError, SourceChangedError } from './errors.ts';
import { shownUri } from './redact.ts';
import type { ByteRange, OpenedFile } from './source.ts';

interface HttpFile {
  readonly http: HttpClient;
  readonly url: URL;
  readonly headersFor: HttpRequest['headersFor'];
  /** What the listing knows, over what the answer's headers say. */
  readonly size?: number | undefined;
  readonly digests?: readonly ExpectedDigest[];
}

/** GETs a file from an offset on; a part is asked for by Range with If-Range, so that it is of the same state. */
export async function openHttpFile(
  { http, url, headersFor, size, digests }: HttpFile,
  { offset, tag }: ByteRange,
  signal: AbortSignal,
): Promise<OpenedFile> {
  const range =
    offset === 0 ? {} : { range: `bytes=${offset}-`, ...(tag === undefined ? {} : { 'if-range': tag }) };
  const response = await http.get(url, { headersFor: (hop) => ({ ...headersFor(hop), ...range }), signal });
  const opened = await openedFrom(expectSuccess(response, url.href, offset > 0), offset, url);
  return { ...opened, totalBytes: size ?? opened.totalBytes, digests: digests ?? opened.digests };
}

/**
 * Reads the headers of an answer to a GET from `offset` on.
 * @param asked the URL before redirects: a store that is redirected to often has no file name in its own.
 * @throws SourceChangedError when it is not the part that was asked for; RequestRefusedError when it is encoded.
 */
export async function openedFrom(response: HttpResponse, offset: number, asked: URL): Promise<OpenedFile> {
  const { headers, status, body, url } = response;
  const encoding = headers.get('content-encoding') ?? '';
  if (offset === 0 && (await isEncoded(response, asked))) {
    discard(response);
    throw new RequestRefusedError(
      `${shownUri(url.href)}: the source insists on the content-encoding '${encoding.slice(0, 40)}', so its length and ` +
        'digests cannot be checked. Let it serve the file as it is.',
    );
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
  if (offset > 0 && (status !== 206 || Number(start) !== offset)) {
    discard(response);
    throw new SourceChangedError(
      `${shownUri(url.href)}: it changed, or cannot be taken up where it broke off`,
    );
  }
  const length = headers.get('content-length');
  const etag = headers.get('etag');
  return {
    body,
    totalBytes:
      total !== undefined ? Number(total) : length === undefined ? undefined : offset + Number(length),
    // Only a strong ETag names exact bytes (RFC 9110, 13.1.5).
    tag: etag?.startsWith('"') === true ? etag : undefined,
    digests: offset === 0 ? announcedDigests(headers) : [],
  };
}

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

/**
 * Whether the bytes are something else than the file. We ask for `identity`, so a server that names gzip either describes
 * the file itself, as many do with `.tgz`, or did not listen; where the name does not tell, the first bytes do.
 */
async function isEncoded({ headers, url, body }: HttpResponse, asked: URL): Promise<boolean> {
  const codings = (headers.get('content-encoding') ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => CODINGS.has(coding) || GZIP.has(coding));
  if (codings.length === 0) return false;
  if (!codings.every((coding) => GZIP.has(coding))) return true;
  // A tar may be compressed, whatever its name.
  const named = [asked, url].some(({ pathname }) => /\.(t?gz|tar)$/i.test(pathname));
  if (named || GZIP_TYPE.test(headers.get('content-type') ?? '')) return false;
  let start: Buffer | null;
  do {
    await once(body, 'readable');
    start = body.read(2) as Buffer | null;
    // The first byte may come alone.
  } while (start === null && body.readableLength > 0);
  if (start === null) return false;
  body.unshift(start);
  return start[0] === 0x1f && start[1] === 0x8b;
}
