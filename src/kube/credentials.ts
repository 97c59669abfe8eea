import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { HttpMethod, RequestContext, type Cluster, type KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';
import { messageOf } from '../core/errors.ts';
import { ApiError } from './api-error.ts';

/** What one request needs to reach the API server and be believed there. */
export interface PreparedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

export interface Credentials {
  /**
   * Headers and connection pool for a request, from what the kubeconfig says now: a token file is read again once a
   * minute, an expired exec credential is fetched again.
   *
   * @param path path and query below the server's address
   * @throws {ApiError} API_CREDENTIALS when they cannot be had, for instance when an exec plugin fails
   */
  prepare(path: string): Promise<PreparedRequest>;
  /** Drops all connections. */
  close(): Promise<void>;
}

/** Go's http.Server of kube-apiserver drops idle connections after 90 s; stay well below (apiserver, secure_serving.go). */
const IDLE_CONNECTION_MS = 30_000;
/** As client-go; libuv then probes each second, ten times, so that a dead host is noticed within 40 s. */
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * One connection pool for as long as the TLS identity stays the same. `KubeConfig.applySecurityAuthentication` makes a
 * new undici agent at each call (client-node 2.0.1), and with it a TLS handshake a request; so only its public parts are used.
 */
export function createCredentials(kubeConfig: KubeConfig): Credentials {
  let pool: { readonly fingerprint: string; readonly dispatcher: Dispatcher } | undefined;

  async function poolFor(cluster: Cluster, options: RequestOptions): Promise<Dispatcher> {
    const fingerprint = fingerprintOf(cluster, options);
    if (pool?.fingerprint === fingerprint) return pool.dispatcher;
    const dispatcher = await createDispatcher(kubeConfig, cluster, options);
    // Requests under way, watches among them, finish on the old identity.
    pool?.dispatcher.close().catch(() => undefined);
    pool = { fingerprint, dispatcher };
    return dispatcher;
  }

  return {
    async prepare(path) {
      try {
        const cluster = kubeConfig.getCurrentCluster();
        if (cluster === null) throw new Error('the kubeconfig has no current cluster; set current-context');
        const options: RequestOptions = {};
        await kubeConfig.applyToHTTPSOptions(options);
        const dispatcher = await poolFor(cluster, options);
        return { url: urlOf(cluster, path), headers: headersOf(options), dispatcher };
      } catch (cause) {
        throw new ApiError(`no credentials for the API server: ${messageOf(cause)}`, {
          code: 'API_CREDENTIALS',
          cause,
        });
      }
    },
    async close() {
      await pool?.dispatcher.destroy();
      pool = undefined;
    },
  };
}

function urlOf(cluster: Cluster, path: string): URL {
  return new URL(cluster.server.replace(/\/+$/, '') + path);
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file commonly ends in a newline, which no header may hold.
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
  // HTTP/1.1: a watch then owns its connection, so one that is dead or slow never holds up another request.
  return new Agent({
    allowH2: false,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    connect: { keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS, ...tlsOptionsOf(options) },
  });
}

type TlsIdentity = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

/** An absent option must stay absent: undici passes on whatever key is there. */
function tlsOptionsOf(options: RequestOptions): TlsIdentity {
  return {
    ...(options.ca !== undefined && { ca: options.ca }),
    ...(options.cert !== undefined && { cert: options.cert }),
    ...(options.key !== undefined && { key: options.key }),
    ...(options.pfx !== undefined && { pfx: options.pfx }),
    ...(options.passphrase !== undefined && { passphrase: options.passphrase }),
    ...(options.rejectUnauthorized !== undefined && { rejectUnauthorized: options.rejectUnauthorized }),
    ...(options.servername !== undefined && { servername: options.servername }),
  };
}

/** Only client-node knows how to build its SOCKS connector; the one it makes here is kept. */
async function proxyDispatcher(kubeConfig: KubeConfig, cluster: Cluster): Promise<Dispatcher> {
  const context = new RequestContext(cluster.server, HttpMethod.GET);
  await kubeConfig.applySecurityAuthentication(context);
  const dispatcher = context.getDispatcher();
  if (dispatcher === undefined)
    throw new Error(`no connection can be made through ${cluster.proxyUrl ?? ''}`);
  return dispatcher;
}
