import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A Service in front of managers, as implemented by a node's kube-proxy: new connections go to the known
 * endpoints in turn, open ones stay, and updates of endpoints arrive late.
 */
export interface EndpointsBalancer {
  readonly port: number;
  /** Adds the port as an endpoint after the delay. */
  add(port: number): Promise<void>;
  /** Removes the endpoint after the delay. Open connections stay. */
  remove(port: number): Promise<void>;
  /** The number of connections by endpoint. */
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

/** A FIN is passed on after the bytes before it, a reset at once. */
function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
}
