import { describe, expect, it } from '@jest/globals';
import { troubleText } from '../../../../src/page/browser/words.ts';
import type { ServiceRow } from '../../../../src/page/page-documents.decide.ts';

const NONE = { Failed: 0, Unreachable: 0, Waiting: 0, OnTheWay: 0, Unknown: 0, Loaded: 0 };
const ROW: ServiceRow = {
  ...{ namespace: 'ns', name: 'sk', exists: true, multiModel: true, why: '', ready: 'True', notReady: '' },
  ...{ replicas: { ready: 1, total: 1 }, shards: 1, memory: { declared: 0, limit: null }, matching: 0 },
  ...{ models: NONE, lastError: null },
};
const newest = (message: string): ServiceRow['lastError'] => ({ model: 'iris', message, since: '' });

describe('what is in the way of an InferenceService', () => {
  it.each<[string, Partial<ServiceRow>, string]>([
    ['nothing', {}, ''],
    [
      'one failure',
      { models: { ...NONE, Failed: 1 }, lastError: newest('no such key') },
      'iris: no such key',
    ],
    [
      'three failures',
      { models: { ...NONE, Failed: 2, Unreachable: 1 }, lastError: newest('no such key') },
      'iris: no such key (and 2 more)',
    ],
    [
      'models that wait',
      { models: { ...NONE, Waiting: 3 }, lastError: newest('it needs 1Gi') },
      'iris: it needs 1Gi (and 2 more)',
    ],
    [
      'models that wait for an InferenceService that is not there',
      { exists: false, models: { ...NONE, Waiting: 3 }, lastError: newest('it waits') },
      'not there: its models wait for it',
    ],
    ['a model of its own', { multiModel: false }, 'serves a model of its own'],
  ])('%s', (_what, change, text) => {
    expect(troubleText({ ...ROW, ...change })).toBe(text);
  });
});
