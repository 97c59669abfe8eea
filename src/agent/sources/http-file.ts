import { announcedDigests } from './http-headers.ts';
import { discard, expectSuccess } from './http-client.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts';
import type { ExpectedDigest } from './digest.ts';
import { RequestRefusedError, SourceChangedError } from './errors.ts';
import { shownUri } from './redact.ts';
import type { ByteRange, OpenedFile } from './source.ts';

export interface HttpFile {
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
  const opened = openedFrom(expectSuccess(response, url.href), offset);
  return { ...opened, totalBytes: size ?? opened.totalBytes, digests: digests ?? opened.digests };
}

/**
 * Reads the headers of an answer to a GET from `offset` on.
 * @throws SourceChangedError when it is not the part that was asked for.
 */
export function openedFrom(response: HttpResponse, offset: number): OpenedFile {
  const { headers, status, body, url } = response;
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
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
