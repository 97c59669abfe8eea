import type { RequestListener } from 'node:http';
import type { Milliseconds } from '../lib/clock.ts';
import type { Registry } from 'prom-client';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { startPlainServer, type PlainServer } from '../lib/plain-server.ts';

/** `/metrics` in the Prometheus text format. Throws PortUnavailableError. */
export function startMetricsServer(options: {
  readonly port: number;
  readonly host: string;
  readonly registry: Registry;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly logger: Logger;
  readonly requestTimeout?: Milliseconds;
}): Promise<PlainServer> {
  const { port, host, registry, clock, logger, requestTimeout } = options;
  const collect = shared(() => registry.metrics());
  const serve: RequestListener = (request, response) => {
    if (request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('nothing here; there is /metrics\n');
      return;
    }
    collect().then(
      (text) => response.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      (error: unknown) => {
        logger.error({ error: messageOf(error) }, 'the metrics could not be collected');
        response.writeHead(500, { 'Content-Type': 'text/plain' }).end('the metrics could not be collected\n');
      },
    );
  };
  return startPlainServer(serve, { port, host, flag: '--metrics-port', clock, logger, requestTimeout });
}

/** Concurrent scrapes share one answer: its cost grows with the number of objects. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= work().finally(() => (running = undefined)));
}
