import type { RequestListener, ServerResponse } from 'node:http';
import type { Milliseconds } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';
import { startPlainServer } from '../lib/plain-server.ts';
import type { PlainServer } from '../lib/plain-server.ts';

interface HealthServerOptions {
  readonly port: number;
  readonly host: string;
  /** By name; the manager is ready when all of them pass. */
  readonly checks: ReadonlyMap<string, ReadinessCheck>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly logger: Logger;
  readonly requestTimeout?: Milliseconds;
}

/**
 * `/healthz` shows that the process runs. `/readyz` lists the checks that fail, and with `?verbose` every check, in the
 * API server's own format. Throws PortUnavailableError.
 */
export function startHealthServer(options: HealthServerOptions): Promise<PlainServer> {
  const { port, host, checks, clock, logger, requestTimeout } = options;
  const serve: RequestListener = (request, response) => {
    // Not with URL, which throws on some requests: `//`.
    const [path, query] = (request.url ?? '').split('?', 2);
    if (path === '/healthz') answer(response, 200, 'ok\n');
    else if (path === '/readyz') answerReady(response, checks, new URLSearchParams(query).has('verbose'));
    else answer(response, 404, 'nothing here; there is /healthz and /readyz\n');
  };
  return startPlainServer(serve, { port, host, flag: '--health-port', clock, logger, requestTimeout });
}

function answerReady(
  response: ServerResponse,
  checks: ReadonlyMap<string, ReadinessCheck>,
  verbose: boolean,
): void {
  const results = [...checks].map(([name, check]) => ({ name, missing: check() }));
  const ready = results.every(({ missing }) => missing === undefined);
  const shown = verbose ? results : results.filter(({ missing }) => missing !== undefined);
  const lines = shown.map(({ name, missing }) =>
    missing === undefined ? `[+]${name} ok` : `[-]${name} not ready: ${missing}`,
  );
  answer(response, ready ? 200 : 503, [...lines, ready ? 'ok' : 'not ready', ''].join('\n'));
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}
