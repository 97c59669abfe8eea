import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import type { DestinationPolicy } from '../../core/destination-policy.ts';
import { BadRedirectError } from './errors.ts';
import { guardedConnector } from './guarded-connect.ts';
import type { Resolve } from './guarded-connect.ts';
import { errorOfStatus, retryAfterMs } from './http-status.ts';
import { shownUri } from './redact.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Readable;
  /** After redirects. */
  readonly url: URL;
}

export interface HttpRequest {
  /** Asked for each hop, so that nothing meant for one host reaches another. */
  readonly headersFor: (url: URL) => Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** GET over HTTP/1.1, within the destination policy, following a bounded number of redirects. */
export interface HttpClient {
  /** Any status that is not a redirect is returned; the caller reads or destroys the body. */
  get(url: URL, request: HttpRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly policy: DestinationPolicy;
  readonly connectTimeoutMs: number;
  readonly maxRedirects: number;
  readonly resolve?: Resolve;
}

/** The largest answer that is not a model: a listing, a manifest, a token. */
const SMALL_ANSWER_BYTES = 16 * 1024 ** 2;

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const agent = new Agent({
    connect: guardedConnector(options),
    // `watch.ts` times every wait, for all protocols alike.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
    keepAliveTimeout: 4_000,
  });
  const once = async (url: URL, { headersFor, signal }: HttpRequest): Promise<HttpResponse> => {
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers: { 'accept-encoding': 'identity', 'user-agent': 'kserve-mms-agent', ...headersFor(url) },
      signal,
    });
    const headers = new Map(
      Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
    );
    return { status: answer.statusCode, headers, body: answer.body, url };
  };
  return {
    get: async (start, request) => {
      let response = await once(start, request);
      for (let hop = 0; isRedirect(response); hop += 1) {
        discard(response);
        if (hop === options.maxRedirects) {
          throw new BadRedirectError(
            `${shownUri(start.href)}: more than ${options.maxRedirects} redirects, the last from ${shownUri(response.url.href)}`,
          );
        }
        response = await once(nextUrl(response), request);
      }
      return response;
    },
    close: () => agent.destroy(),
  };
}

/**
 * @returns the response, when its status is 2xx.
 * @throws PullError by status.
 */
export function expectSuccess(response: HttpResponse, uri: string): HttpResponse {
  if (response.status >= 200 && response.status < 300) return response;
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
  return Buffer.concat(chunks).toString('utf8');
}

/** Frees the connection of an answer nobody reads. */
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
  if (next === undefined) throw new BadRedirectError(`${from}: redirects to something that is no URL`);
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
