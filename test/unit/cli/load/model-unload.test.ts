import { describe, expect, it } from '@jest/globals';
import type { ReplicaRest, UnloadFacts } from '../../../../src/cli/load/model-unload.decide.ts';
import { unloadProgress } from '../../../../src/cli/load/model-unload.decide.ts';

const gone: ReplicaRest = { pod: 'a', state: 'gone' };
const holds: ReplicaRest = { pod: 'b', state: 'holds' };
const unknown: ReplicaRest = { pod: 'c', state: 'unknown', why: 'forbidden' };

describe('how far an unload has come', () => {
  it.each<[string, Partial<UnloadFacts>, object]>([
    ['the object is there', { object: 'there', listed: true }, { state: 'going' }],
    ['the ConfigMap lags behind', { listed: true }, { state: 'going', line: 'models.json still names it' }],
    [
      'a replica has it',
      { replicas: [gone, holds] },
      { state: 'going', line: '1 of 2 replicas still have it' },
    ],
    ['none has it', { replicas: [gone] }, { state: 'done', line: 'unloaded everywhere' }],
    ['there is no replica', {}, { state: 'done' }],
    [
      'one cannot be asked',
      { replicas: [gone, unknown] },
      { state: 'done', line: expect.stringMatching(/not known of 1 of 2 replicas: pod c: forbidden$/) },
    ],
    ['one has it and one cannot be asked', { replicas: [holds, unknown] }, { state: 'going' }],
    ['somebody created it anew', { object: 'replaced' }, { state: 'replaced' }],
  ])('%s', (_what, facts, progress) => {
    expect(unloadProgress({ object: 'gone', listed: false, replicas: [], ...facts })).toMatchObject(progress);
  });
});
