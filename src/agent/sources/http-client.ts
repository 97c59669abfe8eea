import type { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import type { DestinationPolicy } from './destination-policy.decide.ts';
import { BadRedirectError, SourceUnavailableError } from './errors.ts';
import { guardedLookup, refuseHost } from './guarded-connect.ts';
import type { Resolve } from './guarded-connect.ts';
import { createHttpGetter } from './http-get.ts';
import { bareHost } from './connection.ts';
import { errorOfStatus, retryAfterMs } from './http-status.ts';
import type { ProxyRouter } from './proxy/proxy-types.ts';
import { shownUri } from './redact.ts';
import type { ReadPieces } from './reused-buffers.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Readable;
  /** The body in buffers of the caller. Undefined if that is not possible. */
  readonly pieces: ReadPieces | undefined;
  /** The URL after redirects. */
  readonly url: URL;
}

export interface HttpRequest {
  /** Called for each hop, so that a header for one host never reaches another. */
  readonly headersFor: (url: URL) => Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * GET, and POST of forms, over HTTP/1.1. It applies the destination policy and follows a bounded number of redirects.
 */
export interface HttpClient {
  /** Returns any status that is not a redirect. The caller reads or destroys the body. */
  get(url: URL, request: HttpRequest): Promise<HttpResponse>;
  /** Returns redirects instead of following them: a form may hold a secret. */
  post(url: URL, form: URLSearchParams, signal: AbortSignal): Promise<HttpResponse>;
  close(): void;
}

interface HttpClientOptions {
  readonly policy: DestinationPolicy;
  readonly connectTimeoutMs: number;
  readonly maxRedirects: number;
  readonly resolve?: Resolve | undefined;
  readonly proxies?: ProxyRouter | undefined;
}

/** The largest answer other than a model: a listing, a manifest, a token. */
const SMALL_ANSWER_BYTES = 16 * 1024 ** 2;
const OWN_HEADERS = { 'accept-encoding': 'identity', 'user-agent': 'kserve-mms-agent' };

export function createHttpClient({
  policy,
  connectTimeoutMs,
  maxRedirects,
  resolve,
  proxies,
}: HttpClientOptions): HttpClient {
  // `watch.ts` limits every other wait, for all protocols.
  const getter = createHttpGetter({ lookup: guardedLookup(policy, resolve), connectTimeoutMs, proxies });
  const once = async (
    url: URL,
    { headersFor, signal }: HttpRequest,
    form?: URLSearchParams,
  ): Promise<HttpResponse> => {
    refuseHost(policy, bareHost(url.hostname));
    const answer = await getter.get(url, { ...OWN_HEADERS, ...headersFor(url) }, signal, form);
    return { ...answer, url };
  };
  return {
    get: async (start, request) => {
      let response = await once(start, request);
      for (let hop = 0; isRedirect(response); hop += 1) {
        discard(response);
        if (hop === maxRedirects) {
          throw new BadRedirectError(
            `${shownUri(start.href)}: more than ${maxRedirects} redirects, the last from ${shownUri(response.url.href)}`,
          );
        }
        response = await once(nextUrl(response), request);
      }
      return response;
    },
    post: (url, form, signal) => once(url, { headersFor: () => ({}), signal }, form),
    close: getter.close,
  };
}

/**
 * @param partAsked the request had a Range, so 206 is an answer to it.
 * @returns the response if it has content. Another 2xx says something else about the request (RFC 9110, 15.3).
 * @throws PullError by status.
 */
export function expectSuccess(response: HttpResponse, uri: string, partAsked = false): HttpResponse {
  if (response.status === 200 || (partAsked && response.status === 206)) return response;
  discard(response);
  throw errorOfStatus(response.status, {
    shown: shownUri(uri),
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
  });
}

/** The whole body of a small answer as text. */
export async function smallText(response: HttpResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > SMALL_ANSWER_BYTES) throw errorOfStatus(413, { shown: shownUri(response.url.href) });
    chunks.push(chunk);
  }
  return unpackedText(response, Buffer.concat(chunks)).toString('utf8');
}

/** Gateways compress listings and manifests although we ask for `identity`. */
function unpackedText({ headers, url }: HttpResponse, bytes: Buffer): Buffer {
  const isPacked = /^(x-)?gzip$/i.test(headers.get('content-encoding')?.trim() ?? '');
  if (!isPacked || bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: SMALL_ANSWER_BYTES });
  } catch (cause) {
    throw new SourceUnavailableError(
      `${shownUri(url.href)}: the answer is marked as gzip, and its gzip is damaged. It is fetched again later.`,
      { cause },
    );
  }
}

/**
 * A client for bytes whose known length and digests are those of the stored file: it ignores the answer's content
 * coding.
 */
export function asStored(http: HttpClient): HttpClient {
  return {
    ...http,
    get: async (url, request) => {
      const response = await http.get(url, request);
      const headers = [...response.headers].filter(([name]) => name !== 'content-encoding');
      return { ...response, headers: new Map(headers) };
    },
  };
}

/** Frees the connection of an answer whose body is not read. */
export function discard(response: HttpResponse): void {
  response.body.on('error', () => undefined);
  response.body.destroy();
}

function isRedirect({ status, headers }: HttpResponse): boolean {
  return [301, 302, 303, 307, 308].includes(status) && headers.has('location');
}

function nextUrl({ headers, url }: HttpResponse): URL {
  const location = headers.get('location') ?? '';
  const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const from = shownUri(url.href);
  if (next === undefined) throw new BadRedirectError(`${from}: redirects to something that is not a URL`);
  if (next.protocol !== 'https:' && next.protocol !== 'http:') {
    throw new BadRedirectError(`${from}: redirects to ${next.protocol}, which is not followed`);
  }
  if (url.protocol === 'https:' && next.protocol === 'http:') {
    throw new BadRedirectError(
      `${from}: redirects from https to http (${shownUri(next.href)}), which is not followed`,
    );
  }
  return next;
}
