import { describe, expect, it } from '@jest/globals';
import { troubleLines } from '../../../../src/page/browser/words.ts';
import type { Obstacle, ServiceRow } from '../../../../src/page/page-documents.decide.ts';

const NONE = { Failed: 0, Unreachable: 0, Waiting: 0, OnTheWay: 0, Unknown: 0, Standby: 0, Loaded: 0 };
const ROW: ServiceRow = {
  ...{ namespace: 'ns', name: 'sk', exists: true, multiModel: true, why: '', ready: 'True', notReady: '' },
  ...{ replicas: { ready: 1, total: 1 }, shards: 1, memory: { declared: 0, limit: null }, matching: 0 },
  ...{ models: NONE, obstacles: [] },
};
const obstacle = (reason: string, count: number, message: string): Obstacle => ({
  ...{ reason, count, message, model: 'iris', since: '' },
});

describe('the problems of an InferenceService', () => {
  it.each<[string, Partial<ServiceRow>, string[]]>([
    ['nothing', {}, []],
    [
      'one failure',
      { models: { ...NONE, Failed: 1 }, obstacles: [obstacle('Failed', 1, 'no such key')] },
      ['iris: no such key'],
    ],
    [
      'three failures, and an InferenceService that is therefore not ready',
      { ready: 'False', models: { ...NONE, Failed: 3 }, obstacles: [obstacle('Failed', 3, 'no such key')] },
      ['iris: no such key (and 2 more)'],
    ],
    [
      'models that wait for different reasons',
      {
        models: { ...NONE, Waiting: 4 },
        obstacles: [
          obstacle('MemoryResourceNotAvailable', 3, 'it needs 1Gi'),
          obstacle('InvalidSpec', 1, 'no framework'),
        ],
      },
      ['iris: it needs 1Gi (and 2 more)', 'iris: no framework'],
    ],
    [
      'more reasons than fit',
      {
        models: { ...NONE, Waiting: 6 },
        obstacles: ['A', 'B', 'C', 'D', 'E'].map((reason, index) =>
          obstacle(reason, index === 4 ? 2 : 1, reason),
        ),
      },
      ['iris: A', 'iris: B', 'iris: C', 'and 3 models more, for other reasons'],
    ],
    [
      'models that wait for a missing InferenceService',
      { exists: false, models: { ...NONE, Waiting: 3 }, obstacles: [obstacle('X', 3, 'it waits')] },
      ['not there: its models wait for it'],
    ],
    ['an InferenceService with a model of its own', { multiModel: false }, ['serves a model of its own']],
  ])('%s', (_what, change, wanted) => {
    expect(troubleLines({ ...ROW, ...change })).toEqual(wanted);
  });
});
