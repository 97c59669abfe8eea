import { describe, expect, it } from '@jest/globals';
import type { ReplicaRest, UnloadFacts } from '../../../../src/cli/load/model-unload.decide.ts';
import { unloadProgress } from '../../../../src/cli/load/model-unload.decide.ts';

const gone: ReplicaRest = { pod: 'a', state: 'gone' };
const holds: ReplicaRest = { pod: 'b', state: 'holds' };
const unknown: ReplicaRest = { pod: 'c', state: 'unknown', why: 'forbidden' };

describe('the progress of an unload', () => {
  it.each<[string, Partial<UnloadFacts>, object]>([
    ['the object exists', { object: 'there', listed: true }, { state: 'going' }],
    [
      'the ConfigMap is not updated yet',
      { listed: true },
      { state: 'going', line: 'models.json still names it' },
    ],
    [
      'a replica has it',
      { replicas: [gone, holds] },
      { state: 'going', line: '1 of 2 replicas still have it' },
    ],
    ['no replica has it', { replicas: [gone] }, { state: 'done', line: 'unloaded everywhere' }],
    ['there is no replica', {}, { state: 'done' }],
    [
      'a replica cannot be asked',
      { replicas: [gone, unknown] },
      { state: 'done', line: expect.stringMatching(/not known of 1 of 2 replicas: pod c: forbidden$/) },
    ],
    ['a replica has it and another cannot be asked', { replicas: [holds, unknown] }, { state: 'going' }],
    ['the object was created again', { object: 'replaced' }, { state: 'replaced' }],
  ])('%s', (_what, facts, progress) => {
    expect(unloadProgress({ object: 'gone', listed: false, replicas: [], ...facts })).toMatchObject(progress);
  });
});
