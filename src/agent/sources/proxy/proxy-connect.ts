import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ProxyServer } from './proxy-rules.decide.ts';
import { bareHost } from '../connection.ts';
import { refusedBy, unanswered, unreachable } from './proxy-faults.ts';
import { withinLimit } from '../within-limit.ts';

/**
 * A connection to the proxy itself. The destination policy does not apply to its address: it comes from the pod's
 * environment, and no storageUri can change it.
 * @throws ProxyUnavailableError
 */
export async function connectToProxy(proxy: ProxyServer, limitMs: number): Promise<Socket> {
  const { hostname, port, protocol } = proxy.url;
  const secure = protocol === 'https:';
  const host = bareHost(hostname);
  const place = { host, port: port === '' ? (secure ? 443 : 80) : Number(port) };
  const socket = secure
    ? connectTls({ ...place, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : connectTcp(place);
  await available(proxy, limitMs, (late) =>
    withinLimit(socket, secure ? 'secureConnect' : 'connect', limitMs, late),
  );
  return socket;
}

/**
 * A connection through the proxy to `host:port`. Source: RFC 9110, 9.3.6
 * @throws ProxyUnavailableError, ProxyRefusedError
 */
export async function openTunnel(proxy: ProxyServer, authority: string, limitMs: number): Promise<Socket> {
  const socket = await connectToProxy(proxy, limitMs);
  const { credentials } = proxy;
  const headers = {
    host: authority,
    ...(credentials === undefined
      ? {}
      : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
  };
  const call = request({ method: 'CONNECT', path: authority, headers, createConnection: () => socket });
  call.end();
  const [answer] = await available(proxy, limitMs, (late) => withinLimit(call, 'connect', limitMs, late));
  const status = (answer as IncomingMessage).statusCode ?? 0;
  if (status >= 200 && status < 300) return socket;
  socket.destroy();
  throw refusedBy(proxy, status, authority);
}

/** Every error here is the proxy's. */
async function available<T>(
  proxy: ProxyServer,
  limitMs: number,
  wait: (late: Error) => Promise<T>,
): Promise<T> {
  const late = unanswered(proxy, limitMs);
  try {
    return await wait(late);
  } catch (thrown) {
    throw thrown === late ? late : unreachable(proxy, thrown);
  }
}
