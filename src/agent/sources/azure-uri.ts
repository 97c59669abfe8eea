import { InvalidUriError, SourceConfigurationError } from './errors.ts';
import { shownUri } from './redact.ts';
import type { Environment } from './environment.ts';

interface AzurePlace {
  readonly account: string;
  /** Without a trailing `/`. */
  readonly serviceUrl: string;
  readonly container: string;
  readonly prefix: string;
  /** A shared access signature given in the URI, with its `?`. */
  readonly signature: string | undefined;
}

/** Azure's public cloud and its sovereign ones. */
const STORAGE_DOMAIN =
  /^([a-z0-9-]{3,63})\.(?:blob|dfs)\.(core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn))$/;

/** True for an https URI that names Azure Blob Storage rather than any other web server. */
export function isAzureBlobHost(hostname: string): boolean {
  return STORAGE_DOMAIN.test(hostname);
}

/**
 * Reads `https://<account>.blob.core.windows.net/<container>/<prefix>` and
 * `abfs[s]://<container>@<account>.dfs.core.windows.net/<prefix>`. AZURE_STORAGE_SERVICE_ENDPOINT (the name Azure's own
 * command line uses) replaces the service's address, for private endpoints and emulators. So does AZURE_SERVICE_URL, which
 * KServe's webhook injects, unless it names another account of Azure's than the URI does.
 * @throws InvalidUriError
 */
export function parseAzureUri(uri: string, env: Environment): AzurePlace {
  const fault = new InvalidUriError(
    `${shownUri(uri)}: expected https://<account>.blob.core.windows.net/<container>/<path> or ` +
      'abfss://<container>@<account>.dfs.core.windows.net/<path>',
  );
  const [, scheme = '', authority = '', path = '', query] =
    /^([a-z]+):\/\/([^/?#]*)\/*([^?#]*)(\?[^#]*)?/i.exec(uri) ?? [];
  const [host = '', user] = authority.split('@').reverse();
  const [, account, domain] = STORAGE_DOMAIN.exec(host.toLowerCase()) ?? [];
  if (account === undefined || domain === undefined) throw fault;
  const segments = path.split('/');
  const inHost = scheme.toLowerCase().startsWith('abfs');
  const container = inHost ? user : segments.shift();
  if (container === undefined || !/^[a-z0-9$][a-z0-9-]{0,62}$/.test(container)) throw fault;
  return {
    account,
    serviceUrl:
      serviceUrl(env, 'AZURE_STORAGE_SERVICE_ENDPOINT') ??
      serviceUrlOf(account, env) ??
      `https://${account}.blob.${domain}`,
    container,
    prefix: inHost ? segments.join('/') : decodedPath(segments.join('/'), fault),
    signature: query === undefined || query === '?' ? undefined : query,
  };
}

function serviceUrlOf(account: string, env: Environment): string | undefined {
  const url = serviceUrl(env, 'AZURE_SERVICE_URL');
  const named = url === undefined ? undefined : STORAGE_DOMAIN.exec(new URL(url).hostname)?.[1];
  return named === undefined || named === account ? url : undefined;
}

function serviceUrl(env: Environment, variable: string): string | undefined {
  const value = env[variable]?.trim();
  if (value === undefined || value === '') return undefined;
  if (!URL.canParse(value)) throw new SourceConfigurationError(`${variable} is not a URL`);
  return value.replace(/\/+$/, '');
}

function decodedPath(path: string, fault: InvalidUriError): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw fault;
  }
}
