import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { ProxyServer } from './proxy-rules.decide.ts';
import { PullError } from '../errors.ts';
import { IDLE } from '../connection.ts';
import { connectToProxy, openTunnel } from './proxy-connect.ts';
import type { ProxyRouterOptions } from './proxy-types.ts';
import { withinLimit } from '../within-limit.ts';

export interface ProxyAgentOptions {
  readonly proxy: ProxyServer;
  readonly connectTimeoutMs: number;
  /** Called before the proxy is contacted. Throws if the request is not allowed. */
  readonly approve: ((hostname: string) => Promise<void>) | undefined;
  readonly tls: NonNullable<ProxyRouterOptions['tls']>;
  /** Called with an error on the way to the server. */
  readonly onFault: (fault: PullError) => void;
}

interface Target {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

type Done = (error: Error | null, socket: Socket) => void;

/**
 * An agent for http:// URLs. Node writes requests in the form for proxies (RFC 9112, 3.2.2) and sends the proxy its
 * credentials. The connection is made here, so that its errors name the proxy.
 */
export function httpAgentVia(options: ProxyAgentOptions): HttpAgent {
  const { proxy, connectTimeoutMs } = options;
  const agent = new HttpAgent({ ...IDLE, proxyEnv: { HTTP_PROXY: proxy.url.href } });
  agent.createConnection = (target, done) =>
    connecting(options, target, done, () => connectToProxy(proxy, connectTimeoutMs));
  return agent;
}

/** An agent for https:// URLs: TLS with the server, with its certificate checked, in a tunnel through the proxy. */
export function httpsAgentVia(options: ProxyAgentOptions): HttpsAgent {
  const { proxy, connectTimeoutMs, tls } = options;
  const agent = new HttpsAgent({ ...IDLE, ...tls });
  agent.createConnection = (target, done) =>
    connecting(options, target, done, async (host) => {
      const authority = `${host.includes(':') ? `[${host}]` : host}:${target.port ?? 443}`;
      const socket = await openTunnel(proxy, authority, connectTimeoutMs);
      return secured({ ...(target as ConnectionOptions), socket }, connectTimeoutMs);
    });
  return agent;
}

/**
 * Node accepts a connection that is made later through its callback. Source: nodejs.org/api/http,
 * agent.createConnection
 */
function connecting(
  { approve, onFault }: ProxyAgentOptions,
  { host }: Target,
  done: Done | undefined,
  connect: (host: string) => Promise<Socket>,
): undefined {
  const connected = async (): Promise<Socket> => {
    await approve?.(host ?? '');
    return connect(host ?? '');
  };
  connected().then(
    (socket) => done?.(null, socket),
    (error: unknown) => {
      if (error instanceof PullError) onFault(error);
      // With an error Node ignores the socket, which its types do not say.
      (done as ((error: unknown) => void) | undefined)?.(error);
    },
  );
}

async function secured(options: ConnectionOptions, limitMs: number): Promise<TLSSocket> {
  const socket = connectTls(options);
  const late = Object.assign(new Error(`no TLS within ${limitMs} ms`), { code: 'ETIMEDOUT' });
  await withinLimit(socket, 'secureConnect', limitMs, late);
  return socket;
}
