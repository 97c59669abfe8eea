import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { createApiClient } from '../../../src/kube/api-client.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

/** Uses a web server instead of an API server, to check the requests and the handling of each response. */
describe('a request to a pod through the API server', () => {
  let server: Server;
  let client: ApiClient;
  let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
  const warnings: string[] = [];
  const request = { namespace: 'ns', pod: 'p', port: 9082, path: '/metrics?x=1', maxBytes: 100 };

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      let body = '';
      incoming
        .on('data', (chunk) => (body += String(chunk)))
        .on('end', () => answer(incoming, response, body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const config = new KubeConfig();
    const { port } = server.address() as AddressInfo;
    config.loadFromClusterAndUser(
      { name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'u' },
    );
    client = createApiClient(config, {
      ...{ clock: systemClock, userAgent: 'test' },
      warn: (warning) => warnings.push(warning),
    });
  });

  afterAll(async () => {
    await client.close();
    server.close();
  });

  it('uses the proxy path of the pod, and returns the response unchanged', async () => {
    answer = ({ url = '' }, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end(url);
    };
    expect(await client.askPod(request)).toEqual({
      ...{ status: 200, contentType: 'text/plain' },
      text: '/api/v1/namespaces/ns/pods/p%3A9082/proxy/metrics?x=1',
    });
  });

  it('posts text unchanged', async () => {
    answer = ({ method, headers }, response, body) =>
      response.end(`${method ?? ''} ${headers['content-type'] ?? ''} ${body}`);
    const { text } = await client.askPod({ ...request, json: '{"n": 12345678901234567890}' });
    expect(text).toBe('POST application/json {"n": 12345678901234567890}');
  });

  it.each([
    ['JSON', '{"error":"no such model"}'],
    ['text', 'nothing here'],
  ])('returns the error response of a pod in %s', async (_what, body) => {
    answer = (_request, response) => response.writeHead(404).end(body);
    expect(await client.askPod(request)).toMatchObject({ status: 404, text: body });
  });

  it('throws the error of the API server itself', async () => {
    const status = { kind: 'Status', apiVersion: 'v1', code: 403, reason: 'Forbidden', message: 'not you' };
    answer = (_request, response) => response.writeHead(403).end(JSON.stringify(status));
    await expect(client.askPod(request)).rejects.toMatchObject({
      code: 'API_FORBIDDEN',
      message: expect.stringMatching(/not you.*ask pod ns\/p/),
    });
  });

  it('rejects a response longer than the limit', async () => {
    answer = (_request, response) => response.end('x'.repeat(101));
    await expect(client.askPod(request)).rejects.toMatchObject({ code: 'API_BAD_RESPONSE' });
  });

  it.each([
    ['in a successful response', 200],
    ['in an error response', 403],
  ])('reports warnings of the API server %s', async (_what, status) => {
    warnings.length = 0;
    answer = (_request, response) => {
      response.setHeader('warning', ['299 - "mind the gap"']).writeHead(status);
      response.end('{"metadata":{"name":"x"}}');
    };
    await Promise.allSettled([client.get(PODS, { namespace: 'ns', name: 'x' })]);
    expect(warnings).toEqual(['mind the gap']);
  });
});
