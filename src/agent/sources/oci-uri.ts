import { InvalidUriError } from './errors.ts';
import { shownUri } from './redact.ts';

export interface OciPlace {
  /** Host and port as in the URI. Credentials are stored under this name. */
  readonly registry: string;
  /** Where the distribution API is served. */
  readonly baseUrl: string;
  readonly repository: string;
  /** A tag or a digest, `sha256:<hex>` or `sha512:<hex>`. */
  readonly reference: string;
}

const NAME = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*';
const REFERENCE = new RegExp(
  `^oci://([^/@\\s]+)/(${NAME}(?:/${NAME})*)(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$`,
  'i',
);
/** Docker Hub's images are named docker.io but served elsewhere. */
const DOCKER_HUB = new Map([
  ['docker.io', 'registry-1.docker.io'],
  ['index.docker.io', 'registry-1.docker.io'],
]);

/**
 * Reads `oci://registry[:port]/repository[:tag][@sha256:…]`. A digest wins over a tag; without either, `latest`. Always
 * HTTPS, except for loopback, as container runtimes do. Source: github.com/opencontainers/distribution-spec.
 * @throws InvalidUriError
 */
export function parseOciUri(uri: string): OciPlace {
  const [, registry = '', repository, tag, digest] = REFERENCE.exec(uri) ?? [];
  const host = DOCKER_HUB.get(registry) ?? registry;
  const isHost = /[.:]/.test(registry) || registry === 'localhost';
  const scheme = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host) ? 'http' : 'https';
  const baseUrl = `${scheme}://${host}`;
  if (repository === undefined || !isHost || !URL.canParse(baseUrl) || new URL(baseUrl).host === '') {
    throw new InvalidUriError(
      `${shownUri(uri)}: expected oci://<registry>/<repository>[:<tag>|@sha256:<digest>]`,
    );
  }
  return { registry, baseUrl, repository, reference: digest ?? tag ?? 'latest' };
}
