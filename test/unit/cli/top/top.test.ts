import { topDocument, topModels } from '../../../../src/cli/top/top-report.decide.ts';
import type { TrainedModel } from '../../../../src/contract/trained-model.ts';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { createAgentMetrics } from '../../../../src/agent/status/metrics.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import { runCommand } from '../../../support/command-run.ts';

/**
 * Uses a web server instead of an API server, because a real one does not proxy requests to pods on
 * loopback addresses. It has two models and several pods: the first responds like an agent, the second has
 * something else on that port, the third cannot be asked. test/e2e/serving.test.ts uses a real node.
 */
describe('mms top', () => {
  let server: Server;
  let directory: string;
  const metrics = createAgentMetrics(
    () => [],
    () => true,
  );
  const top = (...args: readonly string[]) =>
    runCommand(['top', '--kubeconfig', join(directory, 'config'), ...args]);

  beforeAll(async () => {
    server = createServer((request, response) => {
      void answerTo(request.url ?? '').then(({ status, body }) => response.writeHead(status).end(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-top-'));
    await writeFile(join(directory, 'config'), stringify(kubeconfig((server.address() as AddressInfo).port)));
  });

  afterAll(async () => {
    server.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function answerTo(url: string): Promise<{ status: number; body: string }> {
    if (url.includes('/trainedmodels')) return list([model('tulip', '100Mi'), model('oak', '2Gi')]);
    if (url.includes('/proxy')) {
      if (url.includes('/pods/a%3A9082/proxy/metrics')) {
        metrics.requested('/v2/models/tulip/infer', 200, milliseconds(20));
        return { status: 200, body: await metrics.text() };
      }
      if (url.includes('/pods/b')) return { status: 404, body: 'nothing here' };
      const refusal = {
        kind: 'Status',
        apiVersion: 'v1',
        code: 403,
        reason: 'Forbidden',
        message: 'User "x" cannot get resource "pods/proxy"',
      };
      return { status: 403, body: JSON.stringify(refusal) };
    }
    return list([
      ...[pod('a'), pod('b'), pod('c'), { ...pod('d'), status: { phase: 'Succeeded' } }],
      { ...pod('e'), status: { phase: 'Pending' } },
    ]);
  }

  it('shows the rest when some pods cannot be asked, and reports which and why', async () => {
    const { code, stdout, stderr } = await top();
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rows).toEqual([
      ['MODEL', 'INFERENCESERVICE', 'MEMORY', 'REQUESTS', 'ERRORS', 'MEAN', 'P50', 'P99', 'PODS'],
      ['oak', 'flowers', '2Gi', '0', '0', '-', '-', '-', '1/4'],
      ['tulip', 'flowers', '100Mi', '1', '0', '20ms', '18ms', '25ms', '1/4'],
    ]);
    expect(stderr).toBe(
      'not counted: pod default/b: its agent answered 404\n' +
        'not counted: pod default/c: User "x" cannot get resource "pods/proxy" (HTTP 403 Forbidden); check the roles bound to this identity [ask pod default/c]\n' +
        'not counted: pod default/e: it does not run yet\n',
    );
  });

  it('omits the headings, and accepts the namespace before the command', async () => {
    const config = ['--kubeconfig', join(directory, 'config')];
    const { code, stdout } = await runCommand([...config, '-n', 'default', 'top', '--no-headers']);
    expect({ code, first: stdout.split(' ')[0] }).toEqual({ code: 0, first: 'oak' });
  });

  it('accepts the name of a model, also as that of the InferenceService that it replaces', async () => {
    const { code, stdout } = await top('tulip', '--no-headers');
    expect({
      code,
      names: stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    }).toEqual({
      ...{ code: 0, names: ['tulip'] },
    });
  });

  it('counts the requests within a period', async () => {
    const { stdout } = await top('isvc/flowers', '--over', '10ms', '--sort', 'requests', '-o', 'json');
    const { models, overSeconds } = JSON.parse(stdout) as { models: object[]; overSeconds: number };
    // Each read of the first pod counts as a request here.
    expect(models).toMatchObject([
      { name: 'tulip', requests: 1 },
      { name: 'oak', requests: 0, p99Ms: null },
    ]);
    expect(overSeconds).toBeGreaterThan(0);
  });

  it('reports unknown figures for a model that no pod has reported', () => {
    const silent = { namespace: 'default', pod: 'b', inferenceService: 'flowers', models: undefined };
    const top = topModels([model('oak', '2Gi') as TrainedModel], [silent], 'name');
    expect(topDocument(top, [silent], undefined)).toMatchObject({
      models: [{ name: 'oak', requests: null, errors: null, p99Ms: null, pods: { told: 0, total: 1 } }],
    });
  });
});

function list(items: readonly object[]): { status: number; body: string } {
  return { status: 200, body: JSON.stringify({ metadata: { resourceVersion: '1' }, items }) };
}

function model(name: string, memory: string): object {
  const spec = {
    inferenceService: 'flowers',
    model: { storageUri: `s3://m/${name}`, framework: 'sklearn', memory },
  };
  return { metadata: { name, namespace: 'default' }, spec };
}

function pod(name: string): object {
  const labels = { 'serving.kserve.io/inferenceservice': 'flowers', component: 'predictor' };
  return {
    metadata: { name, namespace: 'default', labels },
    spec: { containers: [{ name: 'kserve-container' }, { name: 'agent' }] },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  };
}

function kubeconfig(port: number): object {
  const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  };
}
