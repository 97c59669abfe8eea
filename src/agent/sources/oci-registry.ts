import { createHash } from 'node:crypto';
import {
  AccessDeniedError,
  ChecksumMismatchError,
  RequestRefusedError,
  SourceConfigurationError,
} from './errors.ts';
import { readChallenges } from './auth-challenges.ts';
import type { AuthChallenge } from './auth-challenges.ts';
import { dockerCredentials } from './docker-config-file.ts';
import type { RegistryCredentials } from './docker-config.ts';
import { discard, expectSuccess, smallText } from './http-client.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts';
import { DIGEST } from './oci-manifest.ts';
import type { OciPlace } from './oci-uri.ts';
import { printable, shownUri } from './redact.ts';
import type { Environment } from './environment.ts';

const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** One repository of a registry. It gets the tokens that the registry requires. */
export interface OciRegistry {
  /** @throws ChecksumMismatchError when the digest of a manifest is not the requested one. */
  manifest(
    reference: string,
    signal: AbortSignal,
  ): Promise<{ readonly value: unknown; readonly digest: string }>;
  blobUrl(digest: string): URL;
  readonly headersFor: HttpRequest['headersFor'];
  /** GETs that fetch a token if the registry requires one, and a new one after it expires. */
  readonly http: HttpClient;
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
  let usesHelper = false;
  // A redirect usually leads to the blob on another host. The token is for the registry only.
  const headersFor: HttpRequest['headersFor'] = (hop) =>
    authorization === undefined || hop.origin !== origin ? {} : { authorization };

  const authorize = async (header: string, signal: AbortSignal): Promise<void> => {
    const challenges = readChallenges(header);
    const found = await dockerCredentials(env, place);
    usesHelper = found.kind === 'helper';
    const credentials = found.kind === 'found' ? found.credentials : undefined;
    const bearer = tokenService(challenges, place, base);
    const isBasic = challenges.length === 0 || challenges.some(({ scheme }) => scheme === 'basic');
    const basic = isBasic ? credentials?.basic : undefined;
    // Bearer first, as containerd does: without credentials it gives access to public images.
    if (bearer !== undefined && credentials?.registryToken !== undefined) {
      authorization = `Bearer ${credentials.registryToken}`;
    } else if (bearer !== undefined) {
      authorization = await bearerToken(http, bearer, credentials, signal);
    } else authorization = basic === undefined ? undefined : `Basic ${basic}`;
  };
  /** A registry may answer that a token's scope is insufficient, and name the required one. */
  const onceMore: HttpClient['get'] = async (url, request) => {
    const response = await http.get(url, request);
    const header = response.headers.get('www-authenticate') ?? '';
    if (!letsTooLittle(header) || response.url.origin !== origin) return response;
    discard(response);
    await authorize(header, request.signal);
    return http.get(url, request);
  };
  /** Tokens live for seconds or minutes, and a pull may take hours: each 401 of the registry fetches a new one. */
  const get: HttpClient['get'] = async (url, request) => {
    const response = await http.get(url, request);
    if (response.status !== 401 || response.url.origin !== origin) return response;
    discard(response);
    try {
      await authorize(response.headers.get('www-authenticate') ?? '', request.signal);
    } catch (thrown) {
      throw usesHelper && thrown instanceof AccessDeniedError ? helperOutOfReach(place, thrown) : thrown;
    }
    const second = await onceMore(url, request);
    if (!usesHelper || second.url.origin !== origin || ![401, 403].includes(second.status)) return second;
    discard(second);
    throw helperOutOfReach(place);
  };
  return {
    headersFor,
    http: { ...http, get, close: () => undefined },
    blobUrl: (digest) => new URL(`${base}/blobs/${digest}`),
    manifest: async (reference, signal) => {
      const url = new URL(`${base}/manifests/${reference}`);
      const accepting: HttpRequest['headersFor'] = (hop) => ({ accept: MANIFEST_TYPES, ...headersFor(hop) });
      const text = await smallText(expectSuccess(await get(url, { headersFor: accepting, signal }), uri));
      return { value: parsed(text, uri), digest: checkedDigest(reference, text, uri) };
    },
  };
}

/** Whether the scope of the token that was sent is insufficient. Source: RFC 6750, 3.1. */
function letsTooLittle(challenge: string): boolean {
  return readChallenges(challenge).some(
    ({ parameters }) => parameters.get('error')?.toLowerCase() === 'insufficient_scope',
  );
}

/**
 * The digest of a manifest, by the algorithm of the requested reference.
 * @throws ChecksumMismatchError if a different digest was requested.
 */
function checkedDigest(reference: string, manifest: string, uri: string): string {
  const algorithm = DIGEST.test(reference) ? reference.slice(0, 'sha512'.length) : 'sha256';
  const digest = `${algorithm}:${createHash(algorithm).update(manifest).digest('hex')}`;
  if (!DIGEST.test(reference) || reference === digest) return digest;
  throw new ChecksumMismatchError(`${shownUri(uri)}: the manifest has the digest ${digest}`);
}

function helperOutOfReach({ registry }: OciPlace, cause?: unknown): SourceConfigurationError {
  return new SourceConfigurationError(
    `the registry refuses the pull without credentials, and config.json keeps those of ${printable(registry)} in a ` +
      "credential helper, which a pod does not have. Put them into 'auths', as kubectl create secret docker-registry does.",
    { cause },
  );
}

function parsed(text: string, uri: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RequestRefusedError(`${shownUri(uri)}: the registry's answer is not a manifest`, { cause });
  }
}

interface TokenService {
  readonly url: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

/**
 * The service of the first Bearer challenge that names one. Without a scope, the requested repository is the scope, as
 * in containerd. Several scopes are separated by blanks.
 */
function tokenService(
  challenges: readonly AuthChallenge[],
  { repository }: OciPlace,
  base: string,
): TokenService | undefined {
  for (const { scheme, parameters } of challenges) {
    const realm = parameters.get('realm')?.trim() ?? '';
    if (scheme !== 'bearer' || realm === '' || !URL.canParse(realm, base)) continue;
    const scopes = (parameters.get('scope') ?? '').split(/\s+/).filter((scope) => scope !== '');
    return {
      url: new URL(realm, base),
      service: parameters.get('service'),
      scopes: scopes.length > 0 ? scopes : [`repository:${repository}:pull`],
    };
  }
  return undefined;
}

/**
 * Requests a token from the service named in the challenge. With a refresh token it uses OAuth2, even if there is also
 * a user, as docker does; else GET. Sources: distribution.github.io/distribution/spec/auth/token and spec/auth/oauth.
 */
async function bearerToken(
  http: HttpClient,
  { url, service, scopes }: TokenService,
  secrets: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const isSafe = url.protocol === 'https:' || ['localhost', '127.0.0.1'].includes(url.hostname);
  const credentials = isSafe ? secrets : undefined;
  const ask = (): Promise<HttpResponse> => {
    if (credentials?.identityToken !== undefined) {
      const grant = { grant_type: 'refresh_token', client_id: 'kserve-mms-agent' };
      const asked = { ...(service !== undefined && { service }), scope: scopes.join(' ') };
      const form = { ...grant, refresh_token: credentials.identityToken, ...asked };
      return http.post(url, new URLSearchParams(form), signal);
    }
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const basic = credentials?.basic;
    const headersFor: HttpRequest['headersFor'] = (hop) =>
      basic === undefined || hop.origin !== url.origin ? {} : { authorization: `Basic ${basic}` };
    return http.get(url, { headersFor, signal });
  };
  const answer = parsed(await smallText(expectSuccess(await ask(), url.href)), url.href);
  const { token, access_token: accessToken } = (answer ?? {}) as { token?: unknown; access_token?: unknown };
  const given = [token, accessToken].find(
    (value): value is string => typeof value === 'string' && value !== '',
  );
  return given === undefined ? undefined : `Bearer ${given}`;
}
