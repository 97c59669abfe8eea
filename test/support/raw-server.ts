import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** A server that answers with the bytes a test gives it, and records what it gets. */
export interface RawServer {
  readonly server: Server;
  readonly port: number;
  /** What arrived at once, one character a byte. A request in one write is one of them. */
  readonly requests: readonly string[];
  /** The open connections. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many connections were made so far. */
  connections(): number;
  stop(): void;
}

/** @param respond called with each of the requests, and the connection on which it arrived */
export async function startRawServer(respond: (socket: Socket, request: string) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const request = chunk.toString('latin1');
      requests.push(request);
      respond(socket, request);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...{ server, requests, sockets, port: (server.address() as AddressInfo).port },
    connections: () => connections,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
