import type { Server } from 'node:http';
import { seconds } from './clock.ts';
import type { Clock } from './clock.ts';
import { makeRoomOn } from './connection-room.ts';
import { listen } from './listen.ts';
import type { Logger } from './log.ts';
import { readSlowSendersInTurns } from './slow-senders.ts';

/** A small HTTP server that listens: for health, metrics or the page. */
export interface PlainServer {
  readonly port: number;
  /** Closes at once. Never rejects. */
  stop(): Promise<void>;
}

/** kubelet, Prometheus and people have a few each. */
const MAX_CONNECTIONS = 100;
const HEADERS_TIMEOUT = seconds(10);

interface PlainServerOptions {
  readonly port: number;
  readonly host: string;
  /** By which the port is set. */
  readonly flag: string;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly logger: Logger;
}

/** Listens, and gives the handle to stop with. Throws PortUnavailableError. */
export async function startPlainServer(server: Server, options: PlainServerOptions): Promise<PlainServer> {
  const { clock, logger } = options;
  server.headersTimeout = HEADERS_TIMEOUT;
  server.requestTimeout = HEADERS_TIMEOUT;
  makeRoomOn(server, { most: MAX_CONNECTIONS, clock, logger, observe: () => undefined });
  readSlowSendersInTurns(server, clock);
  const port = await listen(server, options);
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
