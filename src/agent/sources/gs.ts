import type { GoogleAuth, OAuth2ClientOptions } from 'google-auth-library';
import { classify } from './classify.ts';
import type { ExpectedDigest } from './digest.ts';
import { hexFromBase64 } from './digest.ts';
import { AccessDeniedError, InvalidUriError, ProxyRefusedError, ProxyUnavailableError } from './errors.ts';
import { expectSuccess, smallText } from './http-client.ts';
import { openHttpFile } from './http-file.ts';
import { bucketAndPrefix, filesBelow } from './prefix.ts';
import { createProxyRouter } from './proxy-router.ts';
import type { ProxyRouter } from './proxy-router.ts';
import { shownUri } from './redact.ts';
import type { Environment, Source, SourceContext } from './source.ts';

const PUBLIC_ENDPOINT = 'https://storage.googleapis.com';
const READ_ONLY = 'https://www.googleapis.com/auth/devstorage.read_only';
const LISTED_FIELDS = 'nextPageToken,items(name,size,generation,md5Hash,crc32c)';

/** An object resource. Source: cloud.google.com/storage/docs/json_api/v1/objects */
interface GcsObject {
  readonly key: string;
  readonly size: number | undefined;
  readonly generation: string | undefined;
  readonly digests: readonly ExpectedDigest[];
}

type Headers = Readonly<Record<string, string>>;

/**
 * `gs://bucket/prefix` by the JSON API. Credentials are Google's application defaults; without any, and with
 * STORAGE_EMULATOR_HOST, requests are anonymous, which public buckets allow.
 */
export function createGcsSource({ env, http, settings }: SourceContext): Source {
  const emulator = env['STORAGE_EMULATOR_HOST'];
  const endpoint = emulator === undefined || emulator === '' ? PUBLIC_ENDPOINT : withScheme(emulator);
  const proxies = createProxyRouter(env, settings);
  const authorize = createAuthorizer(env, endpoint, proxies);
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
        return JSON.parse(await smallText(response));
      };
      const files = filesBelow<GcsObject>({
        uri,
        prefix: place.prefix,
        list: (startsWith) => listObjects(`${endpoint}/storage/v1/${bucket}`, startsWith, get),
        open: (object) => async (range, fileSignal) => {
          const url = new URL(`${endpoint}/download/storage/v1/${bucket}/${encodeURIComponent(object.key)}`);
          url.searchParams.set('alt', 'media');
          if (object.generation !== undefined) url.searchParams.set('generation', object.generation);
          const headersFor = sameOrigin(url, await authorize());
          const { size, digests } = object;
          // The generation in the URL pins the state; If-Range would need the XML API's ETag.
          const file = { http, url, headersFor, size, digests };
          const opened = await openHttpFile(file, { ...range, tag: undefined }, fileSignal);
          return { ...opened, tag: object.generation };
        },
      });
      return { files, version: undefined };
    },
    close: () => Promise.resolve(proxies?.close()),
  } satisfies Source;
}

async function* listObjects(
  base: string,
  startsWith: string,
  get: (url: URL) => Promise<unknown>,
): AsyncGenerator<GcsObject> {
  let pageToken: string | undefined;
  do {
    const url = new URL(base);
    url.searchParams.set('prefix', startsWith);
    url.searchParams.set('fields', LISTED_FIELDS);
    if (pageToken !== undefined) url.searchParams.set('pageToken', pageToken);
    const page = (await get(url)) as { nextPageToken?: string; items?: Record<string, string>[] };
    for (const item of page.items ?? []) yield objectOf(item);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && pageToken !== '');
}

/** Composite objects have no md5Hash; crc32c is always there. One check is enough, and MD5 is the faster one here. */
function objectOf(item: Readonly<Record<string, string>>): GcsObject {
  const md5 = hexFromBase64(item['md5Hash'] ?? '', 16);
  const crc32c = hexFromBase64(item['crc32c'] ?? '', 4);
  const digests: ExpectedDigest[] =
    md5 !== undefined
      ? [{ algorithm: 'md5', hex: md5 }]
      : crc32c !== undefined
        ? [{ algorithm: 'crc32c', hex: crc32c }]
        : [];
  const size = item['size'] === undefined ? undefined : Number(item['size']);
  return { key: item['name'] ?? '', size, generation: item['generation'], digests };
}

/** Makes the function that gives the headers of a request; the client keeps and renews the token. */
function createAuthorizer(
  env: Environment,
  endpoint: string,
  proxies: ProxyRouter | undefined,
): () => Promise<Headers> {
  if (endpoint !== PUBLIC_ENDPOINT) return () => Promise.resolve({});
  const keyFile = env['GOOGLE_APPLICATION_CREDENTIALS'];
  const wanted = keyFile !== undefined && keyFile !== '';
  let auth: Promise<GoogleAuth | undefined> | undefined;
  const start = async (): Promise<GoogleAuth | undefined> => {
    const { GoogleAuth: Auth } = await import('google-auth-library');
    const client = new Auth({
      scopes: [READ_ONLY],
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
