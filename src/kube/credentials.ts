import type { RequestOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { HttpMethod, RequestContext, type Cluster, type KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';
import { messageOf } from '../lib/errors.ts';
import { ApiError } from './api-error.ts';

/** What one request needs to connect and authenticate to the API server. */
export interface PreparedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  /**
   * Gives later requests new connections. Running requests keep theirs. Call it if this request got no answer: its
   * connection may have died silently, and so may the idle ones of the same pool.
   */
  retire(): void;
}

/** The connections of one TLS identity. */
interface Pool {
  readonly fingerprint: string;
  readonly dispatcher: Promise<Dispatcher>;
}

export interface Credentials {
  /**
   * Headers and connection pool for a request, from the current kubeconfig: a token file is read again once a
   * minute, an expired exec credential is fetched again.
   *
   * @param path path and query below the server's address
   * @throws {ApiError} API_CREDENTIALS if there are none, for example because an exec plugin fails; API_UNREACHABLE if
   * the kubeconfig's server cannot be called
   */
  prepare(path: string): Promise<PreparedRequest>;
  /** Drops all connections permanently. */
  close(): Promise<void>;
}

/** Go's http.Server of kube-apiserver drops idle connections after 90 s; stay well below (apiserver, secure_serving.go). */
const IDLE_CONNECTION_MS = 30_000;
/** As in client-go. libuv then probes each second, ten times, so that a dead host is noticed within 40 s. */
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * One connection pool for as long as the TLS identity stays the same. `KubeConfig.applySecurityAuthentication` makes a
 * new undici agent at each call (client-node 2.0.1), and so a TLS handshake a request. Therefore only its public parts
 * are used.
 */
export function createCredentials(kubeConfig: KubeConfig): Credentials {
  let pool: Pool | undefined;
  let closed = false;
  const retired = new Set<WeakRef<Dispatcher>>();

  /** The first of several concurrent callers makes the pool. The others wait for it. */
  function poolFor(cluster: Cluster, options: RequestOptions): Pool {
    const fingerprint = fingerprintOf(cluster, options);
    if (pool?.fingerprint === fingerprint) return pool;
    // Running requests, watches too, finish with the old identity.
    if (pool !== undefined) retirePool(pool);
    const made: Pool = { fingerprint, dispatcher: createDispatcher(kubeConfig, cluster, options) };
    made.dispatcher.catch(() => {
      if (pool === made) pool = undefined;
    });
    pool = made;
    return made;
  }

  /**
   * Drops the reference only: its idle connections time out, and it is collected after the last request. undici's
   * close() would put running requests out of reach of a later destroy() (8.12, agent.js).
   */
  function retirePool(old: Pool): void {
    if (pool === old) pool = undefined;
    for (const reference of retired) if (reference.deref() === undefined) retired.delete(reference);
    old.dispatcher.then(
      (dispatcher) => retired.add(new WeakRef(dispatcher)),
      () => undefined,
    );
  }

  return {
    async prepare(path) {
      refuseBadServer(kubeConfig.getCurrentCluster());
      try {
        const cluster = kubeConfig.getCurrentCluster();
        if (cluster === null) throw new Error('the kubeconfig has no current cluster; set current-context');
        const options: RequestOptions = {};
        await kubeConfig.applyToHTTPSOptions(options);
        if (closed) throw new Error('the client was closed');
        const used = poolFor(cluster, options);
        return {
          url: urlOf(cluster, path),
          headers: headersOf(options),
          dispatcher: await used.dispatcher,
          retire: () => {
            if (pool === used) retirePool(used);
          },
        };
      } catch (cause) {
        throw new ApiError(`no credentials for the API server: ${messageOf(cause)}`, {
          code: 'API_CREDENTIALS',
          cause,
        });
      }
    },
    async close() {
      closed = true;
      const last = await pool?.dispatcher.catch(() => undefined);
      await last?.destroy();
      await Promise.all([...retired].map(async (reference) => reference.deref()?.destroy()));
    },
  };
}

/**
 * client-node refuses unencrypted requests unless certificate checks are off (2.0.1, config.ts), and reports that as an
 * error of the credentials.
 */
function refuseBadServer(cluster: Cluster | null): void {
  if (cluster === null) return;
  const { server, skipTLSVerify } = cluster;
  const protocol = URL.canParse(server) ? new URL(server).protocol : '';
  if (protocol === 'https:' || (protocol === 'http:' && skipTLSVerify)) return;
  const named = `the server of cluster ${cluster.name} in the kubeconfig, ${JSON.stringify(server)},`;
  const message =
    protocol === 'http:'
      ? `${named} is not encrypted: write https://. If that is intended, as behind kubectl proxy, set insecure-skip-tls-verify: true beside it`
      : `${named} is not an https:// URL: write it as https://HOST:PORT`;
  throw new ApiError(message, { code: 'API_UNREACHABLE' });
}

function urlOf(cluster: Cluster, path: string): URL {
  return new URL(cluster.server.replace(/\/+$/, '') + path);
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file commonly ends in a newline, which is invalid in a header.
    headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}

function fingerprintOf(cluster: Cluster, options: RequestOptions): string {
  return JSON.stringify([
    cluster.server,
    cluster.proxyUrl,
    ...[options.ca, options.cert, options.key, options.pfx, options.passphrase].map(String),
    options.rejectUnauthorized,
    options.servername,
  ]);
}

async function createDispatcher(
  kubeConfig: KubeConfig,
  cluster: Cluster,
  options: RequestOptions,
): Promise<Dispatcher> {
  if (cluster.proxyUrl !== undefined) return proxyDispatcher(kubeConfig, cluster);
  // HTTP/1.1: a watch then owns its connection, so a dead or slow one never holds up another request.
  return new Agent({
    allowH2: false,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    connect: { keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS, ...tlsOptionsOf(cluster, options) },
  });
}

type TlsIdentity = Pick<ConnectionOptions, 'secureContext' | 'rejectUnauthorized' | 'servername'>;

/**
 * The certificates are read once for all connections, of which a manager opens a dozen when it starts. An absent option
 * must stay absent: undici passes on every key, even if undefined.
 */
function tlsOptionsOf({ server }: Cluster, options: RequestOptions): TlsIdentity {
  const { ca, cert, key, pfx, passphrase } = options;
  return {
    ...(server.startsWith('https:') && {
      secureContext: createSecureContext({ ca, cert, key, pfx, passphrase }),
    }),
    ...(options.rejectUnauthorized !== undefined && { rejectUnauthorized: options.rejectUnauthorized }),
    ...(options.servername !== undefined && { servername: options.servername }),
  };
}

/** Only client-node can build its SOCKS connector. The one it makes here is kept. */
async function proxyDispatcher(kubeConfig: KubeConfig, cluster: Cluster): Promise<Dispatcher> {
  const context = new RequestContext(cluster.server, HttpMethod.GET);
  await kubeConfig.applySecurityAuthentication(context);
  const dispatcher = context.getDispatcher();
  if (dispatcher === undefined)
    throw new Error(`no connection can be made through ${cluster.proxyUrl ?? ''}`);
  return dispatcher;
}
