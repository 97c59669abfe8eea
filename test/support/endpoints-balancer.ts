import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A Service in front of managers, as a node's kube-proxy is one: a new connection goes to any of the endpoints it knows of, one
 * that is open stays where it is, and news of an endpoint come late.
 */
export interface EndpointsBalancer {
  readonly port: number;
  /** The port is an endpoint once the news have arrived. */
  add(port: number): Promise<void>;
  /** It is no endpoint any more once the news have arrived; what is connected to it stays. */
  remove(port: number): Promise<void>;
  /** Connections passed on so far, by endpoint. */
  readonly passed: ReadonlyMap<number, number>;
  close(): Promise<void>;
}

export async function startEndpointsBalancer(newsTakeMs: number): Promise<EndpointsBalancer> {
  const endpoints: number[] = [];
  const passed = new Map<number, number>();
  const sockets = new Set<Socket>();
  let next = 0;

  const server = createServer((client) => {
    const port = endpoints[next++ % Math.max(1, endpoints.length)];
    client.on('error', () => undefined);
    if (port === undefined) {
      client.destroy();
      return;
    }
    passed.set(port, (passed.get(port) ?? 0) + 1);
    const upstream = createConnection({ host: '127.0.0.1', port });
    join(client, upstream);
    join(upstream, client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    passed,
    async add(port) {
      await delay(newsTakeMs);
      endpoints.push(port);
    },
    async remove(port) {
      await delay(newsTakeMs);
      endpoints.splice(endpoints.indexOf(port), 1);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** An end is passed on after the bytes before it, a death at once. */
function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
}
