import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChecksumMismatchError, RequestRefusedError, SourceConfigurationError } from './errors.ts';
import { discard, expectSuccess, smallText } from './http-client.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts';
import type { OciPlace } from './oci-uri.ts';
import { shownUri } from './redact.ts';
import type { Environment } from './source.ts';

const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** One repository of a registry, with whatever token it wants. */
export interface OciRegistry {
  /** @throws ChecksumMismatchError when a manifest asked for by digest is another. */
  manifest(
    reference: string,
    signal: AbortSignal,
  ): Promise<{ readonly value: unknown; readonly digest: string }>;
  blobUrl(digest: string): URL;
  readonly headersFor: HttpRequest['headersFor'];
}

/** @param uri for messages. */
export function createOciRegistry(
  http: HttpClient,
  env: Environment,
  place: OciPlace,
  uri: string,
): OciRegistry {
  const base = `${place.baseUrl}/v2/${place.repository}`;
  const origin = new URL(base).origin;
  let authorization: string | undefined;
  // A blob is usually served from elsewhere, by a redirect; the token is the registry's alone.
  const headersFor: HttpRequest['headersFor'] = (hop) =>
    authorization === undefined || hop.origin !== origin ? {} : { authorization };

  const authorize = async (challenge: string, signal: AbortSignal): Promise<void> => {
    const basic = await dockerAuth(env, place.registry);
    if (/^basic\b/i.test(challenge)) authorization = basic === undefined ? undefined : `Basic ${basic}`;
    else authorization = await bearerToken(http, challenge, basic, signal);
  };
  const getManifest = (reference: string, signal: AbortSignal): Promise<HttpResponse> => {
    const url = new URL(`${base}/manifests/${reference}`);
    return http.get(url, { headersFor: (hop) => ({ accept: MANIFEST_TYPES, ...headersFor(hop) }), signal });
  };
  return {
    headersFor,
    blobUrl: (digest) => new URL(`${base}/blobs/${digest}`),
    manifest: async (reference, signal) => {
      let response = await getManifest(reference, signal);
      if (response.status === 401 && authorization === undefined) {
        discard(response);
        await authorize(response.headers.get('www-authenticate') ?? '', signal);
        response = await getManifest(reference, signal);
      }
      const text = await smallText(expectSuccess(response, uri));
      const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
      if (reference.startsWith('sha256:') && reference !== digest) {
        throw new ChecksumMismatchError(`${shownUri(uri)}: the manifest has the digest ${digest}`);
      }
      return { value: parsed(text, uri), digest };
    },
  };
}

function parsed(text: string, uri: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RequestRefusedError(`${shownUri(uri)}: the registry's answer is no manifest`, { cause });
  }
}

/** Asks the token service that the challenge names. Source: distribution.github.io/distribution/spec/auth/token */
async function bearerToken(
  http: HttpClient,
  challenge: string,
  basic: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const parameters = new Map(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value,
    ]),
  );
  const realm = parameters.get('realm') ?? '';
  if (!/^bearer\b/i.test(challenge) || !URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const name of ['service', 'scope']) {
    const value = parameters.get(name);
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const isSafe = url.protocol === 'https:' || ['localhost', '127.0.0.1'].includes(url.hostname);
  const credentials = basic !== undefined && isSafe ? { authorization: `Basic ${basic}` } : {};
  const headersFor = (hop: URL): Readonly<Record<string, string>> =>
    hop.origin === url.origin ? credentials : {};
  const response = expectSuccess(await http.get(url, { headersFor, signal }), url.href);
  const answer = parsed(await smallText(response), url.href) as { token?: unknown; access_token?: unknown };
  const token = answer.token ?? answer.access_token;
  return typeof token === 'string' ? `Bearer ${token}` : undefined;
}

/** The `auth` of a registry in `$DOCKER_CONFIG/config.json`, as a mounted pull secret has it: base64 of user:password. */
async function dockerAuth(env: Environment, registry: string): Promise<string | undefined> {
  const directory = env['DOCKER_CONFIG'];
  if (directory === undefined || directory === '') return undefined;
  try {
    const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as {
      auths?: Record<string, { auth?: unknown }>;
    };
    const auths = new Map(Object.entries(config.auths ?? {}));
    const names = registry.endsWith('docker.io') ? [registry, 'https://index.docker.io/v1/'] : [registry];
    const auth = names.map((name) => auths.get(name)?.auth).find((value) => typeof value === 'string');
    return typeof auth === 'string' ? auth : undefined;
  } catch (cause) {
    throw new SourceConfigurationError(
      'DOCKER_CONFIG holds no readable config.json. Check the mounted Secret.',
      {
        cause,
      },
    );
  }
}
