import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { objectKey } from '../../../src/contract/kubernetes.ts';
import { MODEL_STATES } from '../../../src/page/page-documents.decide.ts';
import type { ModelState, ServiceRow } from '../../../src/page/page-documents.decide.ts';
import {
  compareModels,
  compareServices,
  EMPTY_TALLY,
  serviceRowOf,
  tallyModels,
  totalOf,
} from '../../../src/page/page-service.decide.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';

const KEY = objectKey('ns', 'flowers');

function model(
  name: string,
  reason: string,
  since = '',
  inferenceService: unknown = 'flowers',
): TrainedModel {
  const condition = {
    type: 'ModelLoaded',
    status: reason === 'Loaded' ? 'True' : 'False',
    reason,
    lastTransitionTime: since,
  };
  return {
    metadata: { name, namespace: 'ns' },
    spec: { inferenceService },
    status: { conditions: [{ ...condition, message: `${name} ${reason}` }] },
  };
}

const service = (predictor: object, conditions?: object[]): InferenceService => ({
  metadata: { name: 'flowers', namespace: 'ns' },
  spec: { predictor: predictor as never },
  ...(conditions && { status: { conditions } }),
});

function row(inferenceService: InferenceService | undefined, pods: boolean[] = []): ServiceRow {
  return serviceRowOf(KEY, EMPTY_TALLY, { inferenceService, pods, shards: 1, declared: 5n, matching: 0 });
}

describe('the models of InferenceServices', () => {
  it('are counted by state, with their obstacles', () => {
    const tallies = tallyModels([
      model('a', 'Loaded'),
      model('b', 'Failed', '2026-01-01T00:00:00Z'),
      model('c', 'AgentNotReachable', '2026-01-02T00:00:00Z'),
      model('__proto__', 'Failed', '2026-01-03T00:00:00Z', 'constructor'),
      model('nobody', 'Failed', '', ''),
      model('nothing', 'Failed', '', 7),
    ]);
    expect([...tallies.keys()]).toEqual(['ns/flowers', 'ns/constructor']);
    expect(tallies.get(KEY)).toEqual({
      models: { Failed: 1, Unreachable: 1, Waiting: 0, OnTheWay: 0, Unknown: 0, Standby: 0, Loaded: 1 },
      obstacles: [
        {
          ...{ reason: 'Failed', count: 1, model: 'b', message: 'b Failed' },
          since: '2026-01-01T00:00:00Z',
        },
        {
          ...{ reason: 'AgentNotReachable', count: 1, model: 'c', message: 'c AgentNotReachable' },
          since: '2026-01-02T00:00:00Z',
        },
      ],
    });
    expect(tallies.get(objectKey('ns', 'constructor'))?.obstacles[0]?.model).toBe('__proto__');
    expect(totalOf(tallies.values())).toMatchObject({ Failed: 2, Loaded: 1 });
  });

  it.each<
    [
      string,
      [name: string, reason: string, since: string][],
      [reason: string, count: number, model: string][],
    ]
  >([
    [
      'a failure before newer waiting models',
      [
        ['w', 'MemoryResourceNotAvailable', '2026-02-01'],
        ['b', 'Failed', '2026-01-01'],
      ],
      [
        ['Failed', 1, 'b'],
        ['MemoryResourceNotAvailable', 1, 'w'],
      ],
    ],
    [
      'the newest of one reason, with the count',
      [
        ['w1', 'MemoryResourceNotAvailable', '2026-01-01'],
        ['w2', 'MemoryResourceNotAvailable', '2026-03-01'],
        ['w3', 'MemoryResourceNotAvailable', '2026-02-01'],
      ],
      [['MemoryResourceNotAvailable', 3, 'w2']],
    ],
    [
      'each reason of waiting models, the most frequent first',
      [
        ['n', 'NoReplicas', '2026-01-01'],
        ['w1', 'MemoryResourceNotAvailable', '2026-01-01'],
        ['w2', 'MemoryResourceNotAvailable', '2026-01-01'],
      ],
      [
        ['MemoryResourceNotAvailable', 2, 'w2'],
        ['NoReplicas', 1, 'n'],
      ],
    ],
    ['nothing when all are loaded', [['a', 'Loaded', '2026-01-01']], []],
  ])('show %s', (_what, models, shown) => {
    const tallies = tallyModels(
      models.map(([name, reason, since]) => model(name, reason, `${since}T00:00:00Z`)),
    );
    const obstacles = tallies.get(KEY)?.obstacles ?? [];
    expect(obstacles.map((one) => [one.reason, one.count, one.model])).toEqual(shown);
  });

  it('have a limited number of obstacles, for any reasons in a status', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => model(`m${index}`, `Odd${index}`));
    const obstacles = tallyModels(many).get(KEY)?.obstacles ?? [];
    expect(obstacles.length).toBeLessThan(12);
    expect(obstacles.reduce((sum, { count }) => sum + count, 0)).toBe(1_000);
  });
});

describe('the row of an InferenceService', () => {
  it.each<[string, InferenceService | undefined, Partial<ServiceRow>]>([
    [
      'none',
      undefined,
      { exists: false, multiModel: false, ready: 'Unknown', memory: { declared: 5, limit: null } },
    ],
    [
      'multi-model',
      service({ sklearn: {} }),
      { exists: true, multiModel: true, why: 'predictor.sklearn names no storage of its own' },
    ],
    ['with a model of its own', service({ sklearn: { storageUri: 's3://b' } }), { multiModel: false }],
    [
      'with a limit',
      service({ sklearn: { resources: { limits: { memory: '1Gi' } } } }),
      { memory: { declared: 5, limit: 2 ** 30 } },
    ],
    [
      'with an invalid limit',
      service({ sklearn: { resources: { limits: { memory: 'lots' } } } }),
      { memory: { declared: 5, limit: null } },
    ],
    ['ready', service({ sklearn: {} }, [{ type: 'Ready', status: 'True' }]), { ready: 'True', notReady: '' }],
    [
      'not ready',
      service({ sklearn: {} }, [{ type: 'Ready', status: 'False', reason: 'NoPods', message: 'none' }]),
      { ready: 'False', notReady: 'NoPods: none' },
    ],
    [
      'with invalid fields',
      { ...service(7 as never), status: { conditions: 7 } as never },
      { multiModel: false, ready: 'Unknown' },
    ],
  ])('%s', (_what, inferenceService, wanted) => {
    expect(row(inferenceService)).toMatchObject({ namespace: 'ns', name: 'flowers', ...wanted });
  });

  it('is ready with a ready pod when no controller writes its status', () => {
    expect(row(service({ sklearn: {} }), [false, true])).toMatchObject({
      ready: 'True',
      replicas: { ready: 1, total: 2 },
    });
    expect(row(service({ sklearn: {} }), [false])).toMatchObject({
      ready: 'Unknown',
      replicas: { ready: 0, total: 1 },
    });
  });
});

describe('the order', () => {
  it('of InferenceServices is by severity, then by name', () => {
    const line = (
      name: string,
      more: Partial<ServiceRow>,
      counts: Partial<Record<ModelState, number>> = {},
    ): ServiceRow => ({
      ...row(service({ sklearn: {} })),
      ...{ name, models: { ...EMPTY_TALLY.models, ...counts }, ...more },
    });
    const lines = [
      line('z-failed', {}, { Failed: 1, Loaded: 9 }),
      line('a-gone', { exists: false, multiModel: false }, {}),
      line('b-waiting', {}, { Waiting: 1 }),
      line('c-not-ready', { ready: 'False' }, { Loaded: 1 }),
      line('a-coming', {}, { OnTheWay: 1 }),
      line('a-fine', {}, { Loaded: 1 }),
      line('b-fine', {}, { Loaded: 7 }),
      line('a-empty', {}),
      line('a-single', { multiModel: false }),
    ];
    expect(
      [...lines]
        .reverse()
        .sort(compareServices)
        .map(({ name }) => name),
    ).toEqual(lines.map(({ name }) => name));
  });

  it('of models is by state, then by name', () => {
    const lines = [
      ...MODEL_STATES.map((state) => ({ name: 'x', state })),
      { name: 'y', state: 'Loaded' as const },
    ];
    expect([...lines].reverse().sort(compareModels)).toEqual(lines);
  });
});
