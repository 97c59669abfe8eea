import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** The proxy's treatment of connections. */
export type ProxyMode =
  /** Bytes go through. */
  | 'pass'
  /** New connections are reset at once. */
  | 'refuse'
  /** Nothing is closed and nothing goes through, in either direction: a peer that is dead without saying so. */
  | 'stall';

/** A TCP proxy on loopback that fails on demand. */
export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections open now. */
  readonly open: number;
  mode: ProxyMode;
  /** The target port of new connections. */
  target: number;
  /** Cuts every open connection. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(firstTarget: number): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  let target = firstTarget;
  let accepted = 0;
  const pairs = new Set<{ client: Socket; upstream: Socket }>();

  const server = createServer((client) => {
    accepted += 1;
    client.on('error', () => undefined);
    if (mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ host: '127.0.0.1', port: target });
    const pair = { client, upstream };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    upstream.on('error', end).on('close', end);
    client.on('close', end);
    client.pipe(upstream, { end: false });
    upstream.pipe(client, { end: false });
    if (mode === 'stall') stall(pair);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    get target() {
      return target;
    },
    set target(port) {
      target = port;
    },
    get mode() {
      return mode;
    },
    set mode(next) {
      mode = next;
      // A stalled connection stays stalled, because the lost bytes do not come back.
      if (next === 'stall') for (const pair of pairs) stall(pair);
    },
    cutAll() {
      for (const { client, upstream } of pairs) {
        client.destroy();
        upstream.destroy();
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const { client, upstream } of pairs) {
          client.destroy();
          upstream.destroy();
        }
      }),
  };
}

function stall({ client, upstream }: { client: Socket; upstream: Socket }): void {
  client.unpipe(upstream);
  upstream.unpipe(client);
  client.pause();
  upstream.pause();
}
