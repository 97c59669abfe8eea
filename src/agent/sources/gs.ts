import type { GoogleAuth, OAuth2ClientOptions } from 'google-auth-library';
import { recordOf } from '../../lib/json.ts';
import { classify } from './classify.ts';
import type { ExpectedDigest } from './digest.ts';
import { hexFromBase64 } from './digest.ts';
import {
  AccessDeniedError,
  InvalidUriError,
  ProxyRefusedError,
  ProxyUnavailableError,
  RequestRefusedError,
} from './errors.ts';
import { asStored, discard, expectSuccess, smallText } from './http-client.ts';
import type { HttpClient } from './http-client.ts';
import { openHttpFile } from './http-file.ts';
import { gunzipped } from './gunzipped.ts';
import { badListing, bucketAndPrefix, eachListed, filesBelow } from './prefix.ts';
import type { ListedPage } from './prefix.ts';
import { createProxyRouter } from './proxy/proxy-router.ts';
import type { ProxyRouter } from './proxy/proxy-types.ts';
import { shownUri } from './redact.ts';
import type { Source, SourceContext } from './source.ts';
import type { Environment } from './environment.ts';

const PUBLIC_ENDPOINT = 'https://storage.googleapis.com';
const READ_ONLY = 'https://www.googleapis.com/auth/devstorage.read_only';
export const READ_WRITE = 'https://www.googleapis.com/auth/devstorage.read_write';
const LISTED_FIELDS = 'kind,nextPageToken,items(name,size,generation,md5Hash,crc32c,contentEncoding)';

/** The `kind` of each page. Without the check, other JSON, such as an error, would pass for an empty last page. */
const LISTING_KIND = 'storage#objects';

/** An object resource. Source: cloud.google.com/storage/docs/json_api/v1/objects */
interface GcsObject {
  readonly key: string;
  readonly size: number | undefined;
  readonly generation: string | undefined;
  readonly digests: readonly ExpectedDigest[];
  /** Stored compressed, as by `gsutil cp -Z`: the model's file is what it unpacks to. */
  readonly decode?: typeof gunzipped;
}

type Headers = Readonly<Record<string, string>>;

/**
 * Without it GCS decompresses objects stored with Content-Encoding gzip. Size and digests, which are of the stored
 * bytes, then fail.
 */
const AS_STORED: Headers = { 'accept-encoding': 'gzip' };

/**
 * `gs://bucket/prefix` through the JSON API, with Google's application default credentials. Without any, and with
 * STORAGE_EMULATOR_HOST, requests are anonymous, which public buckets allow.
 */
export function createGcsSource({ env, http, settings }: SourceContext): Source {
  const endpoint = gcsEndpoint(env);
  const proxies = createProxyRouter(env, settings);
  const authorize = createAuthorizer(env, endpoint, proxies, READ_ONLY);
  return {
    find: async (uri, signal) => {
      const place = bucketAndPrefix(uri);
      if (place === undefined) throw new InvalidUriError(`${shownUri(uri)}: expected gs://<bucket>/<path>`);
      await authorize();
      const bucket = `b/${encodeURIComponent(place.bucket)}/o`;
      const get = async (url: URL): Promise<unknown> => {
        const headers = await authorize();
        const headersFor = sameOrigin(url, headers);
        const response = expectSuccess(await http.get(url, { headersFor, signal }), uri);
        return parsed(await smallText(response));
      };
      const files = filesBelow<GcsObject>({
        uri,
        prefix: place.prefix,
        list: (startsWith) => listObjects(`${endpoint}/storage/v1/${bucket}`, startsWith, get),
        open: (object) => async (range, fileSignal) => {
          const url = new URL(`${endpoint}/download/storage/v1/${bucket}/${encodeURIComponent(object.key)}`);
          url.searchParams.set('alt', 'media');
          if (object.generation !== undefined) url.searchParams.set('generation', object.generation);
          const headersFor = sameOrigin(url, { ...(await authorize()), ...(object.decode && AS_STORED) });
          const { size, digests } = object;
          // The generation in the URL pins the state; If-Range would need the XML API's ETag.
          // The answer's Content-Encoding is the object's own metadata; it is handled after the bytes are checked.
          const file = {
            http: asStored(object.decode ? notTranscoded(http) : http),
            url,
            headersFor,
            size,
            digests,
          };
          const opened = await openHttpFile(file, { ...range, tag: undefined }, fileSignal);
          return { ...opened, tag: object.generation };
        },
      });
      return { files, version: undefined };
    },
    close: () => Promise.resolve(proxies?.close()),
  } satisfies Source;
}

/** Fails if GCS decompressed an object although it was asked not to: size and digest do not match what it sends. */
function notTranscoded(http: HttpClient): HttpClient {
  const get: HttpClient['get'] = async (url, request) => {
    const response = await http.get(url, request);
    const { headers } = response;
    if (headers.get('x-goog-stored-content-encoding') !== 'gzip' || headers.has('content-encoding'))
      return response;
    discard(response);
    throw new RequestRefusedError(
      `${shownUri(url.href)}: the object is stored as gzip and came decompressed, so it cannot be checked. ` +
        'A proxy in between removes Accept-Encoding: let it pass, or upload the object without gzip.',
    );
  };
  return { ...http, get };
}

/** Google's endpoint, or that of an emulator. */
export function gcsEndpoint(env: Environment): string {
  const emulator = env['STORAGE_EMULATOR_HOST'];
  return emulator === undefined || emulator === '' ? PUBLIC_ENDPOINT : withScheme(emulator);
}

function listObjects(
  base: string,
  startsWith: string,
  get: (url: URL) => Promise<unknown>,
): AsyncGenerator<GcsObject> {
  return eachListed(startsWith, async (token) => {
    const url = new URL(base);
    url.searchParams.set('prefix', startsWith);
    url.searchParams.set('fields', LISTED_FIELDS);
    if (token !== undefined) url.searchParams.set('pageToken', token);
    return gcsPage(await get(url));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badListing('an answer is not JSON', cause);
  }
}

/**
 * One page of a listing from the JSON API.
 * @throws SourceUnavailableError when the answer is not a listing
 */
export function gcsPage(answer: unknown): ListedPage<GcsObject> {
  const { kind, items = [], nextPageToken: next = '' } = recordOf(answer);
  if (kind !== LISTING_KIND || !Array.isArray(items) || typeof next !== 'string') {
    throw badListing('an answer is not a listing');
  }
  return { objects: items.map((item) => objectOf(recordOf(item))), next: next === '' ? undefined : next };
}

/** Composite objects have no md5Hash, but always a crc32c. One check is enough, and MD5 is the faster one here. */
function objectOf(item: Readonly<Record<string, unknown>>): GcsObject {
  const [key, generation] = [text(item['name']), text(item['generation'])];
  if (key === undefined) throw badListing('an object has no name');
  const md5 = hexFromBase64(text(item['md5Hash']) ?? '', 16);
  const crc32c = hexFromBase64(text(item['crc32c']) ?? '', 4);
  const digests: ExpectedDigest[] =
    md5 !== undefined
      ? [{ algorithm: 'md5', hex: md5 }]
      : crc32c !== undefined
        ? [{ algorithm: 'crc32c', hex: crc32c }]
        : [];
  const [size] = /^\d{1,15}$/.exec(text(item['size']) ?? '') ?? [];
  const gzip = text(item['contentEncoding'])?.trim().toLowerCase() === 'gzip';
  return {
    key,
    size: size === undefined ? undefined : Number(size),
    generation,
    digests,
    ...(gzip && { decode: gunzipped }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Returns the function that makes a request's headers. The client caches and renews the token. */
export function createAuthorizer(
  env: Environment,
  endpoint: string,
  proxies: ProxyRouter | undefined,
  scope: string,
): () => Promise<Headers> {
  if (endpoint !== PUBLIC_ENDPOINT) return () => Promise.resolve({});
  const keyFile = env['GOOGLE_APPLICATION_CREDENTIALS'];
  const wanted = keyFile !== undefined && keyFile !== '';
  let auth: Promise<GoogleAuth | undefined> | undefined;
  const start = async (): Promise<GoogleAuth | undefined> => {
    const { GoogleAuth: Auth } = await import('google-auth-library');
    const client = new Auth({
      scopes: [scope],
      ...(wanted ? { keyFilename: keyFile } : {}),
      ...(proxies === undefined ? {} : { clientOptions: { transporterOptions: viaProxies(proxies) } }),
    });
    try {
      await client.getClient();
      return client;
    } catch (cause) {
      if (!wanted) return undefined;
      throw new AccessDeniedError(
        'GOOGLE_APPLICATION_CREDENTIALS names no usable credentials file. Check the Secret.',
        {
          cause,
        },
      );
    }
  };
  return async () => {
    auth ??= start();
    auth.catch(() => (auth = undefined));
    const client = await auth;
    if (client === undefined) return {};
    try {
      return { authorization: `Bearer ${(await client.getAccessToken()) ?? ''}` };
    } catch (cause) {
      const fault = classify(cause, 'the token');
      if (fault instanceof ProxyUnavailableError || fault instanceof ProxyRefusedError) throw fault;
      throw new AccessDeniedError('Google refused to give a token for the credentials of the pod', { cause });
    }
  };
}

function viaProxies(proxies: ProxyRouter): NonNullable<OAuth2ClientOptions['transporterOptions']> {
  return { adapter: (request, send) => proxies.send(request, send) };
}

function sameOrigin(url: URL, headers: Headers): (hop: URL) => Headers {
  return (hop) => (hop.origin === url.origin ? headers : {});
}

function withScheme(host: string): string {
  return (host.includes('://') ? host : `http://${host}`).replace(/\/+$/, '');
}
