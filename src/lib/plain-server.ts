import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { seconds } from './clock.ts';
import type { Clock, Milliseconds } from './clock.ts';
import { makeRoomOn } from './connection-room.ts';
import { listen } from './listen.ts';
import type { Logger } from './log.ts';
import { readSlowSendersInTurns } from './slow-senders.ts';

/** A small HTTP server: for health, metrics or the page. */
export interface PlainServer {
  readonly port: number;
  /** Closes at once. Never rejects. */
  stop(): Promise<void>;
}

/** kubelet, Prometheus and people have a few each. */
const MAX_CONNECTIONS = 100;
const HEADERS_TIMEOUT = seconds(10);
/** Node checks for slow requests at this interval; its default is every 30 s. */
const TIMEOUT_CHECK_INTERVAL = seconds(1);

interface PlainServerOptions {
  readonly port: number;
  readonly host: string;
  /** The flag that sets the port. */
  readonly flag: string;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly logger: Logger;
  /** How long a client may take to send one request. Some seconds if absent. */
  readonly requestTimeout?: Milliseconds | undefined;
}

/** Listens, and returns a handle to stop it. Throws PortUnavailableError. */
export async function startPlainServer(
  listener: RequestListener,
  options: PlainServerOptions,
): Promise<PlainServer> {
  const { clock, logger, requestTimeout = HEADERS_TIMEOUT } = options;
  const server = createServer(
    {
      ...{ headersTimeout: requestTimeout, requestTimeout },
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL,
    },
    (request, response) => {
      if (!request.socket.destroyed) listener(request, response);
    },
  );
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
