import { Readable } from 'node:stream';
import { gzipLayers } from './content-coding.ts';
import { announcedDigests } from './http-headers.ts';
import { discard, expectSuccess } from './http-client.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts';
import type { ExpectedDigest } from './digest.ts';
import { SourceChangedError } from './errors.ts';
import { gunzippedTimes } from './gunzipped.ts';
import { shownUri } from './redact.ts';
import type { ByteRange, OpenedFile } from './source.ts';

interface HttpFile {
  readonly http: HttpClient;
  readonly url: URL;
  readonly headersFor: HttpRequest['headersFor'];
  /** What the listing says; it takes precedence over the answer's headers. */
  readonly size?: number | undefined;
  readonly digests?: readonly ExpectedDigest[];
  readonly reusesBuffers?: boolean;
}

/** GETs a file from an offset on. A part is requested by Range with If-Range, so that it is of the same state. */
export async function openHttpFile(
  { http, url, headersFor, size, digests, reusesBuffers }: HttpFile,
  { offset, tag }: ByteRange,
  signal: AbortSignal,
): Promise<OpenedFile> {
  const range =
    offset === 0 ? {} : { range: `bytes=${offset}-`, ...(tag === undefined ? {} : { 'if-range': tag }) };
  const response = await http.get(url, { headersFor: (hop) => ({ ...headersFor(hop), ...range }), signal });
  const success = expectSuccess(response, url.href, offset > 0);
  const layers = size === undefined || contentLength(success) === size ? 0 : await gzipLayers(success, url);
  const opened = openedFrom(success, { offset, tag }, reusesBuffers === true && layers === 0);
  const known = { totalBytes: size ?? opened.totalBytes, digests: digests ?? opened.digests };
  if (layers === 0) return { ...opened, ...known };
  if (offset > 0) throw changed(success);
  // What is known of the file describes its unpacked content. If the transfer breaks, it starts again.
  return { ...opened, ...known, body: Readable.from(gunzippedTimes(opened.body, layers)) };
}

/** The length in the answer's headers. */
export function contentLength({ headers }: HttpResponse): number | undefined {
  const length = headers.get('content-length');
  return length === undefined ? undefined : Number(length);
}

/**
 * Reads the headers of an answer to a GET from `offset` on.
 * @throws SourceChangedError when it is not the part that was requested.
 */
export function openedFrom(
  response: HttpResponse,
  { offset, tag }: ByteRange,
  reusesBuffers: boolean,
): OpenedFile {
  const { headers, status, body } = response;
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/i.exec(headers.get('content-range') ?? '') ?? [];
  const etag = headers.get('etag');
  // Some servers ignore If-Range.
  const isOther = tag !== undefined && etag !== undefined && etag !== tag;
  if (offset > 0 && (status !== 206 || Number(start) !== offset || isOther)) throw changed(response);
  const length = contentLength(response);
  const isGiven = total !== undefined && total !== '*';
  return {
    body,
    ...(reusesBuffers ? { pieces: response.pieces } : {}),
    totalBytes: isGiven ? Number(total) : length === undefined ? undefined : offset + length,
    // Only a strong ETag names exact bytes (RFC 9110, 13.1.5).
    tag: etag?.startsWith('"') === true ? etag : undefined,
    digests: offset === 0 ? announcedDigests(headers) : [],
  };
}

function changed(response: HttpResponse): SourceChangedError {
  discard(response);
  return new SourceChangedError(
    `${shownUri(response.url.href)}: it changed, or the download cannot be resumed where it broke off`,
  );
}
