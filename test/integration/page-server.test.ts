import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServiceDocument } from '../../src/page/page-documents.decide.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';

let cluster: ManagedCluster;

/** Sends a request exactly as given. */
async function ask(path: string, { method = 'GET', headers = {} } = {}) {
  const sent = request({ host: '127.0.0.1', port: cluster.manager.ports.page, path, method, headers });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject).end();
  });
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe('the server of the page', () => {
  const list = '/api/v1/inferenceservices';

  beforeAll(async () => {
    cluster = await startManagedCluster({ page: true });
    const { client } = cluster;
    await createService(client, inferenceService('flowers'));
    const storageUri = 'https://models.example/lily.tar.gz?sig=SECRET';
    await createModel(client, trainedModel('lily', 'flowers', { storageUri }));
    await eventually(async () => expect((await ask(list)).body).toContain('flowers'));
  }, 180_000);

  afterAll(() => cluster.stop());

  it.each([
    ['a name that resolves to the loopback', { headers: { Host: 'evil.example' } }, 403],
    ['another address', { headers: { Host: '10.0.0.1:8088' } }, 403],
    ['localhost with any port', { headers: { Host: 'localhost:1234' } }, 200],
    ['IPv6', { headers: { Host: '[::1]:8088' } }, 200],
    ['a write', { method: 'POST' }, 405],
    ['a HEAD', { method: 'HEAD' }, 200],
  ])('answers %s with its status', async (_what, options, status) => {
    expect((await ask(list, options)).status).toBe(status);
  });

  it('sets a strict Content-Security-Policy and no CORS header', async () => {
    const { headers } = await ask('/');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-type': 'text/html; charset=utf-8',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('answers 304 when nothing has changed', async () => {
    // The status of the model may not be written yet.
    await eventually(async () => {
      const { headers, body } = await ask(list);
      expect(body).not.toBe('');
      const again = await ask(list, { headers: { 'If-None-Match': headers.etag! } });
      expect([again.status, again.body]).toEqual([304, '']);
    });
  });

  it('removes the signature from a storageUri', async () => {
    const body = await eventually(async () => {
      const answer = (await ask(`${list}/default/flowers`)).body;
      const { models } = JSON.parse(answer) as ServiceDocument;
      expect(models.map(({ storageUri }) => storageUri)).toEqual(['https://models.example/lily.tar.gz']);
      return answer;
    });
    const all = [body, (await ask('/api/v1/trainedmodels/default/lily')).body, (await ask(list)).body];
    expect(all.join('')).not.toContain('SECRET');
  });

  it('listens on the loopback only', async () => {
    const sockets = await readFile('/proc/net/tcp', 'utf8');
    const port = cluster.manager.ports.page.toString(16).toUpperCase().padStart(4, '0');
    const listening = sockets.split('\n').filter((line) => line.includes(`:${port} 00000000:0000 0A`));
    expect(listening.map((line) => line.trim().split(/\s+/)[1])).toEqual([`0100007F:${port}`]);
  });
});
