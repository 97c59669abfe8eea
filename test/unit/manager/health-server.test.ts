import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Counter, Registry } from 'prom-client';
import { startHealthServer } from '../../../src/manager/health-server.ts';
import type { PlainServer } from '../../../src/lib/plain-server.ts';
import { startMetricsServer } from '../../../src/manager/metrics-server.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { quietLogger } from '../../support/quiet-logger.ts';

const common = { host: '127.0.0.1', clock: systemClock, logger: quietLogger };

function get(
  port: number,
  path: string,
): Promise<{ status: number | undefined; text: string; type: string | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode, text, type: response.headers['content-type'] }),
      );
    });
    sent.on('error', reject).end();
  });
}

describe('the health server', () => {
  const missing: { caches?: string; webhook?: string } = {};
  const checks = new Map([
    ['caches', () => missing.caches],
    ['webhook', () => missing.webhook],
  ]);
  let server: PlainServer;
  beforeAll(async () => (server = await startHealthServer({ port: 0, checks, ...common })));
  afterAll(() => server.stop());

  it.each<[string, typeof missing, number, string]>([
    ['/healthz', { caches: 'not synced' }, 200, 'ok\n'],
    ['/readyz', {}, 200, 'ok\n'],
    ['/readyz?verbose', {}, 200, '[+]caches ok\n[+]webhook ok\nok\n'],
    ['/readyz', { webhook: 'draining' }, 503, '[-]webhook not ready: draining\nnot ready\n'],
    [
      '/readyz?verbose=1',
      { webhook: 'draining' },
      503,
      '[+]caches ok\n[-]webhook not ready: draining\nnot ready\n',
    ],
    ['/', {}, 404, 'nothing here; there is /healthz and /readyz\n'],
    ['//', {}, 404, 'nothing here; there is /healthz and /readyz\n'],
  ])('%s while %j is missing: %i', async (path, awaited, status, text) => {
    delete missing.caches;
    delete missing.webhook;
    Object.assign(missing, awaited);
    expect(await get(server.port, path)).toMatchObject({ status, text });
  });

  it('lets a new caller in while others hold all connections', async () => {
    const idle = Array.from({ length: 150 }, () => connect(server.port, '127.0.0.1'));
    await Promise.all(
      idle.map((socket) =>
        once(
          socket.on('error', () => undefined),
          'connect',
        ),
      ),
    );
    expect((await get(server.port, '/healthz')).status).toBe(200);
    await eventually(() => expect(idle.filter((socket) => socket.closed).length).toBeGreaterThanOrEqual(50));
    for (const socket of idle) socket.destroy();
  });

  it('a port in use is an error that names the flag', async () => {
    await expect(startHealthServer({ port: server.port, checks, ...common })).rejects.toThrow(
      'choose another port with --health-port',
    );
  });
});

describe('the metrics server', () => {
  it('serves the registry at /metrics, and answers a failing metric with 500', async () => {
    const registry = new Registry();
    let broken = false;
    const collect = (): void => {
      if (broken) throw new Error('cannot be counted');
    };
    const calls = new Counter({ name: 'calls_total', help: 'Calls.', registers: [registry], collect });
    calls.inc(3);
    const server = await startMetricsServer({ port: 0, registry, ...common });
    const { status, text, type } = await get(server.port, '/metrics');
    expect({ status, type }).toEqual({ status: 200, type: registry.contentType });
    expect(text).toContain('calls_total 3');
    expect((await get(server.port, '//')).status).toBe(404);
    broken = true;
    expect((await get(server.port, '/metrics')).status).toBe(500);
    await expect(startMetricsServer({ port: server.port, registry, ...common })).rejects.toThrow(
      'choose another port with --metrics-port',
    );
    await server.stop();
  });
});
