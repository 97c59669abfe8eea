import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createApiClient } from '../../../src/kube/api-client.ts';
import { listAll } from '../../../src/kube/list-all.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { seconds } from '../../../src/lib/clock.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const MIB = 1024 ** 2;

interface Asked {
  readonly limit: number | undefined;
  readonly from: number;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** An API server that has objects of these sizes. Its snapshot expires after so many pages. */
async function startServer(sizes: readonly number[], expiresAfter = Number.POSITIVE_INFINITY) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
    const limit = query.has('limit') ? Number(query.get('limit')) : undefined;
    const from = Number(query.get('continue') ?? 0);
    asked.push({ limit, from });
    response.setHeader('content-type', 'application/json');
    if (from > 0 && asked.length > expiresAfter) {
      response.writeHead(410).end(JSON.stringify({ kind: 'Status', code: 410, reason: 'Expired' }));
      return;
    }
    const to = Math.min(sizes.length, from + (limit ?? sizes.length));
    const metadata = { resourceVersion: '7', ...(to < sizes.length ? { continue: String(to) } : {}) };
    const items = sizes.slice(from, to).map((size, index) => ({
      metadata: { name: `c${from + index}`, namespace: 'ns' },
      data: { text: 'x'.repeat(size) },
    }));
    response.end(JSON.stringify({ metadata, items }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const kubeConfig = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  const cluster = { name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
  kubeConfig.loadFromClusterAndUser(cluster, { name: 'anonymous' });
  const client = createApiClient(kubeConfig, { clock: systemClock, userAgent: 'kserve-mms/test' });
  cleanups.push(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const list = async (): Promise<string[]> => {
    const { objects } = await listAll({
      ...{ client, resource: CONFIG_MAPS, query: {}, pageSize: 500, timeout: seconds(100) },
      signal: new AbortController().signal,
      shape: ({ metadata }) => ({ metadata }),
    });
    return objects.map(({ metadata }) => metadata.name);
  };
  return { asked, list };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);

describe('a list of large objects', () => {
  it('is read in short pages, and in usual ones after them', async () => {
    const large = Array.from({ length: 100 }, () => 1.4 * MIB);
    const { asked, list } = await startServer([...large, ...Array.from({ length: 900 }, () => 100)]);
    expect(await list()).toEqual(names(1000));
    // No page that was read had more than five of them.
    const read = asked.filter(({ from }, index) => asked[index + 1]?.from !== from);
    const largeRead = read.filter(({ from }) => from < 90);
    expect(Math.max(...largeRead.map(({ limit }) => limit ?? 1000))).toBeLessThanOrEqual(5);
    expect(read.at(-1)?.limit).toBeGreaterThan(200);
  });

  it('is read in usual pages when the objects are small', async () => {
    const { asked, list } = await startServer(Array.from({ length: 1200 }, () => 5_000));
    expect(await list()).toEqual(names(1200));
    expect(asked.map(({ limit }) => limit)).toEqual([500, 500, 500]);
  });

  it('may contain an object longer than a page, as etcd allows: each `<` is six bytes of JSON', async () => {
    const { asked, list } = await startServer([1, 1, 9 * MIB, 1]);
    expect(await list()).toEqual(names(4));
    expect(asked.map(({ limit }) => limit)).toContain(1);
  });

  it('fails for an object beyond the maximum size, instead of omitting it', async () => {
    const { list } = await startServer([25 * MIB]);
    await expect(list()).rejects.toMatchObject({ code: 'API_ANSWER_TOO_LONG', retryable: true });
  });

  it('fails with a retryable error when its snapshot expires and it is too long for one page', async () => {
    const { asked, list } = await startServer(
      Array.from({ length: 60 }, () => 1.4 * MIB),
      6,
    );
    await expect(list()).rejects.toMatchObject({ code: 'API_ANSWER_TOO_LONG', retryable: true });
    expect(asked.at(-1)?.limit).toBeUndefined();
  });
});
