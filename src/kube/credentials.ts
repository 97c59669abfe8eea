import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { HttpMethod, RequestContext, type Cluster, type KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';
import { messageOf } from '../lib/errors.ts';
import { ApiError } from './api-error.ts';

/** What one request needs to reach the API server and be believed there. */
export interface PreparedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  /**
   * Gives later requests new connections; those under way keep theirs. For when this one got no answer: its connection may
   * have died silently, and so may the idle ones beside it.
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
   * Headers and connection pool for a request, from what the kubeconfig says now: a token file is read again once a
   * minute, an expired exec credential is fetched again.
   *
   * @param path path and query below the server's address
   * @throws {ApiError} API_CREDENTIALS when they cannot be had, for instance when an exec plugin fails; API_UNREACHABLE when the
   * kubeconfig's server is none that can be called
   */
  prepare(path: string): Promise<PreparedRequest>;
  /** Drops all connections, for good. */
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
  let pool: Pool | undefined;
  let closed = false;
  const retired = new Set<WeakRef<Dispatcher>>();

  /** The first of several concurrent callers makes the pool, the others wait for the same one. */
  function poolFor(cluster: Cluster, options: RequestOptions): Pool {
    const fingerprint = fingerprintOf(cluster, options);
    if (pool?.fingerprint === fingerprint) return pool;
    // Requests under way, watches among them, finish on the old identity.
    if (pool !== undefined) retirePool(pool);
    const made: Pool = { fingerprint, dispatcher: createDispatcher(kubeConfig, cluster, options) };
    made.dispatcher.catch(() => {
      if (pool === made) pool = undefined;
    });
    pool = made;
    return made;
  }

  /**
   * Only let go of: its idle connections end by their own time limit, and it is collected after the last request. undici's
   * close() would leave requests under way beyond the reach of a later destroy() (8.12, agent.js).
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
 * client-node lets no request go unencrypted unless certificates are not looked at anyway (2.0.1, config.ts), and calls it a
 * matter of credentials.
 */
function refuseBadServer(cluster: Cluster | null): void {
  if (cluster === null) return;
  const { server, skipTLSVerify } = cluster;
  const protocol = URL.canParse(server) ? new URL(server).protocol : '';
  if (protocol === 'https:' || (protocol === 'http:' && skipTLSVerify)) return;
  const named = `the server of cluster ${cluster.name} in the kubeconfig, ${JSON.stringify(server)},`;
  const message =
    protocol === 'http:'
      ? `${named} is not encrypted: write https://; where it is meant so, as behind kubectl proxy, set insecure-skip-tls-verify: true beside it`
      : `${named} is no https:// URL: write it as https://HOST:PORT`;
  throw new ApiError(message, { code: 'API_UNREACHABLE' });
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
