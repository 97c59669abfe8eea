import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { bytes } from '../../../../src/lib/quantity.ts';
import { runCommand } from '../../../support/command-run.ts';
import { facts, MI, reportOf, single } from './fold-scene.ts';

/** Mebibytes and requests of each model, and the expected result for half the memory. */
const CASES: readonly [
  what: string,
  models: Record<string, readonly [mebibytes: number, requests?: number]>,
  expected: object | undefined,
][] = [
  [
    'keeps the models with most requests',
    { a: [20, 5], b: [20, 90], c: [20, 5], d: [20, 900] },
    { memory: 40, fit: 2, others: 2, requests: 1000, requestsToOthers: 10, uncounted: 0 },
  ],
  [
    'continues with smaller ones when a large one does not fit',
    { a: [100, 50], b: [40, 40], c: [20, 10] },
    { memory: 80, fit: 2, others: 1, requests: 100, requestsToOthers: 50, uncounted: 0 },
  ],
  [
    'ignores models without counts',
    { a: [20, 7], b: [20] },
    { memory: 20, fit: 1, others: 1, requests: 7, requestsToOthers: 0, uncounted: 1 },
  ],
  ['is undefined without counts', { a: [20], b: [20, 0] }, undefined],
];

describe('half the memory with on-demand loading', () => {
  it.each(CASES)('%s', (_what, models, expected) => {
    const entries = Object.entries(models);
    const artifacts = new Map(
      entries.map(([name, [mebibytes]]) => [`s3://models/${name}`, bytes((mebibytes * MI) / 2)]),
    );
    const counts = new Map(
      entries.flatMap(([name, [, count]]) =>
        count === undefined ? [] : [[`flowers/${name}`, count] as const],
      ),
    );
    const [group] = reportOf(
      facts(
        entries.map(([name]) => single(name)),
        { artifacts },
      ),
      {},
      { counts },
    ).groups;
    const found = group?.halfBudget;
    expect(found && { ...found, memory: Number(found.memory) / MI, insteadOf: undefined }).toEqual(expected);
  });
});

describe('mms fold', () => {
  let server: Server;
  let directory = '';
  let url = '';
  const asked: string[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-counts-'));
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
      if (pathname === '/prometheus/api/v1/query') response.end(answerTo(searchParams.get('query') ?? ''));
      else if (pathname === '/rose.joblib') response.end(Buffer.alloc(3 * MI));
      else response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });

  function answerTo(query: string): string {
    asked.push(query);
    const value = (labels: object, count: number) => ({
      metric: labels,
      value: [1_700_000_000, String(count)],
    });
    const result = query.includes('model_infer_request_success_total')
      ? [value({ namespace: 'flowers', model: 'rose' }, 30), value({ namespace: 'other', model: 'rose' }, 7)]
      : query.includes('request_predict_seconds_count')
        ? [value({ namespace: 'flowers', model_name: 'tulip' }, 10)]
        : [];
    return JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
  }

  const fold = (...args: readonly string[]) => {
    const typed = { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' };
    const services = ['rose', 'tulip'].map((name) =>
      single(name, { model: { storageUri: `${url}/${name}.joblib` } }),
    );
    const input = services.map((service) => stringify({ ...typed, ...service })).join('---\n');
    return runCommand(['fold', '-f', '-', ...args], { input });
  };

  it('reads the counts of requests from Prometheus', async () => {
    const { code, stdout } = await fold('--model-memory', '20Mi', '--request-counts', `${url}/prometheus/`);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'flowers/sklearn-shared: 20Mi in a pod instead of 40Mi. 1 of 2 models fit, those asked most; the others had 25.0 % of 40 requests',
    );
    expect(asked).toContain('sum by (namespace, model) (increase(kserve_mms_agent_requests_total[7d]))');
  });

  it('reads the counts of agents and servers from files, and uses the larger one', async () => {
    const [agent, server_] = [join(directory, 'agent'), join(directory, 'server')];
    await writeFile(
      agent,
      'kserve_mms_agent_requests_total{model="rose",verb="infer",code="200"} 6\n' +
        'kserve_mms_agent_requests_total{model="rose",verb="infer",code="500"} 2\n' +
        'kserve_mms_agent_requests_total{model="",verb="other",code="404"} 100\n',
    );
    await writeFile(
      server_,
      'model_infer_request_success_total{model="rose",version=""} 6.0\nrequest_predict_seconds_count{model_name="tulip"} 2.0\n',
    );
    const { stdout } = await fold('-o', 'json', '--request-counts', agent, '--request-counts', server_);
    const { groups } = JSON.parse(stdout) as { groups: { halfBudget: object }[] };
    expect(groups[0]?.halfBudget).toMatchObject({ requests: 10, requestsToOthers: 2 });
  });

  it.each([
    ['that does not answer', 'http://127.0.0.1:1', /Prometheus at http:\/\/127\.0\.0\.1:1 does not answer/],
    ['file without counters', '/dev/null', /counts no requests of models/],
  ])('rejects a place %s', async (_what, place, words) => {
    const { code, stderr } = await fold('--request-counts', place);
    expect(code).toBe(1);
    expect(stderr).toMatch(words);
  });

  it('guesses twice the size of an artifact as memory, and reports unknown sizes', async () => {
    const { code, stdout, stderr } = await fold('--artifact-sizes', '-o', 'wide');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^flowers\/rose +sklearn-shared +6Mi +artifact$/m);
    expect(stdout).toMatch(/^flowers\/tulip +sklearn-shared +387Mi +declared$/m);
    expect(stdout).toContain('The memory of 1 model is a guess: twice the size of its artifact.');
    expect(stderr).toMatch(/^note: the sizes of 1 of 2 artifacts are not known; of one since: .*404/m);
  });
});
