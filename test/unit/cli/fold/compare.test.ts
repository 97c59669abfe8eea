import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { runCommand, startCommand } from '../../../support/command-run.ts';
import { single } from './fold-scene.ts';

interface Asked {
  readonly pod: string;
  readonly path: string;
  readonly body: string;
}

/**
 * Uses a web server instead of an API server, because a real one does not proxy requests to pods on
 * loopback addresses. Three models are both an InferenceService and a TrainedModel. Each case decides what
 * their pods answer.
 */
describe('mms fold --compare', () => {
  let server: Server;
  let directory: string;
  let asked: Asked[] = [];
  let answers: (asked: Asked) => { status: number; body: string };

  beforeAll(async () => {
    server = createServer((request, response) => {
      void text(request).then((body) => {
        const { status, body: answer } = answerTo(request.url ?? '', body);
        response.writeHead(status).end(answer);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-compare-'));
    const { port } = server.address() as AddressInfo;
    await writeFile(join(directory, 'config'), stringify(kubeconfig(port)));
    const requests = join(directory, 'requests');
    await mkdir(join(requests, 'iris'), { recursive: true });
    await writeFile(join(requests, 'rose.json'), '{"inputs":[1]}');
    await writeFile(join(requests, 'rose.two.json'), '{"inputs":[2]}');
    await writeFile(join(requests, 'tulip.json'), '{"inputs":[3]}');
    await writeFile(join(requests, 'iris/first.json'), '{"inputs":[4]}');
    await writeFile(join(requests, 'README.md'), 'not a request');
  });
  afterAll(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => {
    asked = [];
    answers = ({ body }) => ({
      status: 200,
      body: JSON.stringify({ model_name: 'm', outputs: [{ name: body, data: [1] }] }),
    });
  });

  const compare = (...args: readonly string[]) =>
    runCommand([
      'fold',
      '--kubeconfig',
      join(directory, 'config'),
      '--compare',
      join(directory, 'requests'),
      ...args,
    ]);

  function answerTo(url: string, body: string): { status: number; body: string } {
    const proxied = /\/pods\/(.+?)\/proxy(.*)$/.exec(url);
    if (proxied !== null) {
      const [, pod = '', path = ''] = proxied;
      const request = { pod: decodeURIComponent(pod), path, body };
      asked.push(request);
      return answers(request);
    }
    if (url.includes('/trainedmodels')) return list(['rose', 'tulip', 'iris', 'other'].map(trainedModel));
    if (url.includes('/inferenceservices'))
      return list(
        ['rose', 'tulip', 'iris', 'alone'].map((name) =>
          single(name, { metadata: { namespace: 'default' } }),
        ),
      );
    const service = /inferenceservice(?:%3D|=)([\w-]+)/.exec(decodeURIComponent(url))?.[1] ?? '';
    return list([pod(service)]);
  }

  it('sends requests to the pods of both with the protocol and path of the model, and finds no difference', async () => {
    const { code, stdout } = await compare();
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['MODEL', 'SHARED INFERENCESERVICE', 'REQUEST', 'ANSWERS', 'BECAUSE'],
      ['iris', 'sklearn-shared', 'iris/first.json', 'Alike'],
      ['rose', 'sklearn-shared', 'rose.json', 'Alike'],
      ['rose', 'sklearn-shared', 'rose.two.json', 'Alike'],
      ['tulip', 'sklearn-shared', 'tulip.json', 'Alike'],
    ]);
    expect(asked.filter(({ path }) => path.includes('/tulip/'))).toEqual([
      // The model server itself, because it has no agent, and the agent of the shared pod.
      { pod: 'tulip-0:8085', path: '/v2/models/tulip/infer', body: '{"inputs":[3]}' },
      { pod: 'sklearn-shared-0:9081', path: '/v2/models/tulip/infer', body: '{"inputs":[3]}' },
    ]);
  });

  it('lists the models with other responses, and fails', async () => {
    const usual = answers;
    answers = (request) =>
      request.pod.startsWith('sklearn-shared') && request.body.includes('2')
        ? { status: 200, body: '{"model_name":"m","outputs":[]}' }
        : usual(request);
    const { code, stdout, stderr } = await compare('-o', 'json');
    expect(code).toBe(1);
    const document = JSON.parse(stdout) as {
      version: string;
      comparisons: { request: string; code: string | null }[];
    };
    expect(document.version).toBe('kserve-mms/fold-answers.v1');
    expect(document.comparisons.filter((one) => one.code !== null)).toMatchObject([
      { model: 'rose', request: 'rose.two.json', alike: false, code: 'OutputsDiffer' },
    ]);
    expect(stderr).toMatch(/1 of 3 models must not be moved yet: rose\n/);
  });

  it('reports a pod that does not answer, and continues', async () => {
    const usual = answers;
    const refusal = {
      kind: 'Status',
      apiVersion: 'v1',
      code: 503,
      reason: 'ServiceUnavailable',
      message: 'refused',
    };
    answers = (request) =>
      request.pod.startsWith('rose') ? { status: 503, body: JSON.stringify(refusal) } : usual(request);
    const { code, stdout } = await compare();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^rose .* NoAnswer /m);
    expect(stdout).toMatch(/^tulip .* Alike/m);
  });

  it('reports models as not asked when it is interrupted', async () => {
    const usual = answers;
    const args = ['--kubeconfig', join(directory, 'config'), '--compare', join(directory, 'requests')];
    const started = startCommand(['fold', ...args]);
    answers = (request) => {
      if (request.pod.startsWith('rose')) started.interrupt();
      return usual(request);
    };
    expect(await started.ended).toBe(1);
    expect(started.stdout()).toMatch(/^iris .* Alike/m);
    expect(started.stdout()).toMatch(/^tulip .* NotAsked /m);
  });

  it('reports a model without requests, and fails', async () => {
    await rm(join(directory, 'requests/tulip.json'));
    const { code, stdout } = await compare();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^tulip .* NoRequest /m);
    expect((await compare('rose')).code).toBe(0);
  });

  it.each([
    ['a name without such a pair', ['alone'], /with a TrainedModel of its name: alone/],
    ['a missing directory', ['--compare', '/nonexistent'], /cannot read \/nonexistent/],
    ['files instead of a cluster', ['-f', 'x.yaml'], /cannot be used with/],
    ['a tolerance of 1', ['--tolerance', '1'], /below 1/],
  ])('rejects %s', async (_what, args, words) => {
    const { code, stderr } = await compare(...args);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(words);
  });
});

function trainedModel(name: string): object {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      inferenceService: 'sklearn-shared',
      model: { storageUri: 's3://a/b', framework: 'sklearn', memory: '1Mi' },
    },
  };
}

function pod(service: string): object {
  const labels = { 'serving.kserve.io/inferenceservice': service, component: 'predictor' };
  const agent =
    service === 'sklearn-shared'
      ? [{ name: 'agent', ports: [{ name: 'agent-port', containerPort: 9081 }], args: [] }]
      : [];
  return {
    metadata: { name: `${service}-0`, namespace: 'default', labels },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'kserve-container', ports: [{ containerPort: 8085 }] }, ...agent],
    },
    status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function list(items: readonly object[]): { status: number; body: string } {
  return { status: 200, body: JSON.stringify({ metadata: { resourceVersion: '1' }, items }) };
}

function kubeconfig(port: number): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [
      { name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  };
}
