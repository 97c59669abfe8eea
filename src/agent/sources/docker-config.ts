import { recordOf } from '../../lib/json.ts';
import { SourceConfigurationError } from './errors.ts';
import { printable } from './redact.ts';

/** What authenticates a pull to a registry. */
export interface RegistryCredentials {
  /** Base64 of user:password. */
  readonly basic: string | undefined;
  /** A bearer token for the registry itself. */
  readonly registryToken: string | undefined;
  /** A refresh token, which the token service exchanges for bearer tokens. */
  readonly identityToken: string | undefined;
}

/** What a config.json says about one repository. */
export type CredentialsFound =
  | { readonly kind: 'found'; readonly credentials: RegistryCredentials }
  | { readonly kind: 'none' }
  /**
   * They are in a credential helper, which a pod does not have. A public image can still be pulled, as kubelet does.
   */
  | { readonly kind: 'helper' };

type Fields = Readonly<Record<string, unknown>>;

/**
 * The credentials of one repository in Docker's config.json. The most specific key counts: the longest path, then a name
 * over a wildcard. Keys may have a scheme, and a `/v1/` or `/v2/` that means the host. Source: kubelet's
 * pkg/credentialprovider, docker/cli's config/credentials.
 * @param registry host and port as the storageUri spells them.
 * @throws SourceConfigurationError when they cannot be read.
 */
export function credentialsFor(config: unknown, registry: string, repository: string): CredentialsFound {
  const auths = new Map(Object.entries(recordOf(recordOf(config)['auths'])));
  const host = hubName(registry.toLowerCase());
  const matching = [...auths]
    .map(([key, entry]) => ({ ...placeOf(key), entry: recordOf(entry) }))
    .filter((place) => fits(place, host, repository))
    .sort((a, b) => b.path.length - a.path.length || wildcards(a.host) - wildcards(b.host));
  for (const { entry } of matching) {
    const credentials = credentialsIn(entry, registry);
    if (credentials !== undefined) return { kind: 'found', credentials };
  }
  return { kind: namesHelper(recordOf(config), registry) ? 'helper' : 'none' };
}

/** Docker Hub has several names for one registry. */
function hubName(host: string): string {
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}

interface Place {
  readonly host: string;
  /** Without leading and trailing slashes. */
  readonly path: string;
}

function placeOf(key: string): Place {
  const [host = '', ...path] = key
    .trim()
    .replace(/^https?:\/\//i, '')
    .split('/');
  if (path[0] === 'v1' || path[0] === 'v2') path.shift();
  return { host: hubName(host.toLowerCase()), path: path.filter((part) => part !== '').join('/') };
}

/** A wildcard matches one label of the name, or a part of one. Ports must be equal. */
function fits({ host, path }: Place, registry: string, repository: string): boolean {
  if (path !== '' && repository !== path && !repository.startsWith(`${path}/`)) return false;
  const wanted = withoutDefaultPort(host).split('.');
  const given = withoutDefaultPort(registry).split('.');
  if (wanted.length !== given.length) return false;
  return wanted.every((part, index) => partFits(part, given[index] ?? ''));
}

function withoutDefaultPort(host: string): string {
  return host.replace(/:443$/, '');
}

function partFits(pattern: string, part: string): boolean {
  const [start = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === part;
  if (!part.startsWith(start)) return false;
  let from = start.length;
  for (const piece of rest.slice(0, -1)) {
    const at = part.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  const end = rest.at(-1) ?? '';
  return part.length - from >= end.length && part.endsWith(end);
}

function wildcards(host: string): number {
  return host.split('*').length - 1;
}

function credentialsIn(entry: Fields, registry: string): RegistryCredentials | undefined {
  const text = (field: string): string | undefined => {
    const value = entry[field];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [auth, username, password] = [text('auth'), text('username'), text('password')];
  const pair = auth === undefined ? `${username ?? ''}:${password ?? ''}` : fromBase64(auth);
  const registryToken = text('registrytoken');
  if (!pair.includes(':')) {
    throw new SourceConfigurationError(
      `the 'auth' of ${printable(registry)} in config.json is not base64 of user:password. Correct the Secret.`,
    );
  }
  const basic = pair === ':' || pair.startsWith(':') ? undefined : Buffer.from(pair).toString('base64');
  const identityToken = text('identitytoken');
  const isEmpty = [basic, registryToken, identityToken].every((secret) => secret === undefined);
  return isEmpty ? undefined : { basic, registryToken, identityToken };
}

function fromBase64(text: string): string {
  return Buffer.from(text.trim(), 'base64').toString('utf8').replace(/\0+$/, '');
}

function namesHelper(config: Fields, registry: string): boolean {
  const helpers = [...new Map(Object.entries(recordOf(config['credHelpers'])))];
  const ofRegistry = helpers.some(([key]) => placeOf(key).host === hubName(registry.toLowerCase()));
  return ofRegistry || typeof config['credsStore'] === 'string';
}
