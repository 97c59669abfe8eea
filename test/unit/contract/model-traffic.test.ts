import { describe, expect, it } from '@jest/globals';
import { createAgentMetrics } from '../../../src/agent/status/metrics.ts';
import { milliseconds } from '../../../src/lib/clock.ts';
import { readMetrics } from '../../../src/lib/metrics-text.ts';
import type { Traffic } from '../../../src/contract/model-traffic.ts';
import {
  figuresOf,
  growthOf,
  NO_TRAFFIC,
  REQUEST_METRICS,
  sumOf,
  trafficIn,
} from '../../../src/contract/model-traffic.ts';
import type { PodTraffic, TopOrder } from '../../../src/cli/top/top-report.decide.ts';
import { topDocument, topModels } from '../../../src/cli/top/top-report.decide.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';

describe('a text in the Prometheus format', () => {
  it.each<[string, string, [string, Record<string, string>, number][]]>([
    ['a name and a value', 'a 1', [['a', {}, 1]]],
    ['labels', 'a{x="1",y="b c"} 2.5e3', [['a', { x: '1', y: 'b c' }, 2500]]],
    ['escapes and braces in a label', 'a{x="q\\"}\\\\\\n"} 1', [['a', { x: 'q"}\\\n' }, 1]]],
    ['a timestamp after the value', 'a{x="1"} 3 1700000000000', [['a', { x: '1' }, 3]]],
    ['comments and other metrics', '# TYPE a counter\nb 1\na 2', [['a', {}, 2]]],
    ['__proto__ as the name of a label', 'a{__proto__="x"} 1', [['a', { ['__proto__']: 'x' }, 1]]],
    ['junk', 'a\na{ 1\na{x="1"}\na x', []],
  ])('%s', (_what, text, samples) => {
    const read = readMetrics(text, 'a').map(({ name, labels, value }) => [name, [...labels], value]);
    expect(read).toEqual(samples.map(([name, labels, value]) => [name, Object.entries(labels), value]));
  });
});

/** The traffic that an agent reports after these requests, by model. */
async function reported(requests: readonly (readonly [model: string, code: number, ms: number])[]) {
  const metrics = createAgentMetrics(
    () => [],
    () => true,
  );
  for (const [model, code, ms] of requests) {
    metrics.requested(`/v2/models/${model}/infer`, code, milliseconds(ms));
  }
  return trafficIn(readMetrics(await metrics.text(), REQUEST_METRICS));
}

describe('the traffic of a model', () => {
  it('is read from the metrics of a real agent', async () => {
    const requests = Array.from({ length: 99 }, () => ['m', 200, 2] as const);
    const traffic = await reported([...requests, ['m', 500, 800], ['other', 200, 1]]);
    const figures = figuresOf(traffic.get('m') ?? NO_TRAFFIC);
    expect(figures).toMatchObject({ requests: 100, errors: 1 });
    expect(figures.meanMs).toBeCloseTo((99 * 2 + 800) / 100);
    // 2 ms is in the bucket from 1 to 2.5 ms.
    expect(figures.p50Ms).toBeGreaterThan(1);
    expect(figures.p99Ms).toBeLessThanOrEqual(2.5);
    expect(traffic.get('other')).toMatchObject({ requests: 1 });
  });

  it('over two replicas is their sum', async () => {
    const [a, b] = [await reported([['m', 200, 1]]), await reported([['m', 404, 700]])];
    const both = sumOf(a.get('m') ?? NO_TRAFFIC, b.get('m') ?? NO_TRAFFIC);
    expect(figuresOf(both)).toMatchObject({ requests: 2, errors: 1 });
    expect(figuresOf(both).p99Ms).toBeGreaterThan(500);
  });

  it('over a period is the difference', async () => {
    const before = (await reported([['m', 200, 900]])).get('m') ?? NO_TRAFFIC;
    const after =
      (
        await reported([
          ['m', 200, 900],
          ['m', 200, 4],
        ])
      ).get('m') ?? NO_TRAFFIC;
    const grown = figuresOf(growthOf(before, after));
    expect(grown).toMatchObject({ requests: 1, errors: 0 });
    expect(grown.p99Ms).toBeLessThanOrEqual(5);
  });

  it('after a restart of the agent is all that it reports', () => {
    const of = (requests: number): Traffic => ({ ...NO_TRAFFIC, requests });
    expect(growthOf(of(10), of(3)).requests).toBe(3);
  });

  it.each([
    ['no request', new Map(), 0, undefined],
    [
      'all requests longer than the last bound',
      new Map([
        [1, 0],
        [Infinity, 4],
      ]),
      4,
      1000,
    ],
    [
      'requests spread evenly over a bucket',
      new Map([
        [1, 0],
        [2, 4],
        [Infinity, 4],
      ]),
      4,
      1500,
    ],
  ])('its median, with %s', (_what, buckets, count, p50Ms) => {
    expect(figuresOf({ ...NO_TRAFFIC, buckets, count }).p50Ms).toBe(p50Ms);
  });
});

describe('the models of mms top', () => {
  const model = (name: string, memory: string): TrainedModel => ({
    metadata: { name, namespace: 'ns' },
    spec: { inferenceService: 's', model: { storageUri: 's3://b/m', framework: 'sklearn', memory } },
  });
  const models = [model('a', '1Gi'), model('b', '100Mi'), model('c', '2Gi')];
  const pods = async (): Promise<PodTraffic[]> => [
    {
      namespace: 'ns',
      pod: 'p',
      inferenceService: 's',
      models: await reported([
        ['b', 200, 5],
        ['b', 200, 5],
        ['a', 500, 700],
      ]),
    },
    { namespace: 'ns', pod: 'q', inferenceService: 's', models: undefined, why: 'forbidden' },
    { namespace: 'elsewhere', pod: 'r', inferenceService: 's', models: await reported([['c', 200, 5]]) },
  ];

  it.each<[TopOrder, string]>([
    ['memory', 'cab'],
    ['requests', 'bac'],
    ['errors', 'abc'],
    ['latency', 'abc'],
    ['name', 'abc'],
  ])('are sorted by %s', async (order, names) => {
    expect(
      topModels(models, await pods(), order)
        .map(({ name }) => name)
        .join(''),
    ).toBe(names);
  });

  it('list which pods reported', async () => {
    const top = topModels(models.slice(0, 1), await pods(), 'name');
    expect(topDocument(top, await pods(), 30)).toMatchObject({
      ...{ version: 'kserve-mms/top.v1', overSeconds: 30 },
      models: [{ name: 'a', memoryBytes: 1024 ** 3, requests: 1, errors: 1, pods: { told: 1, total: 2 } }],
      pods: [{ pod: 'p', told: true, why: null }, { pod: 'q', told: false, why: 'forbidden' }, { pod: 'r' }],
    });
  });
});
