import { describe, expect, it } from '@jest/globals';
import { eventsBetween } from '../../../../src/controllers/status/model-events.decide.ts';
import type { TrainedModelStatus } from '../../../../src/contract/trained-model-status.ts';

const status = (loaded: 'True' | 'False', reason: string, message = 'why'): TrainedModelStatus => ({
  conditions: [{ type: 'ModelLoaded', status: loaded, reason, message }],
});
const LOADED = status('True', 'Loaded');
const STANDBY = status('True', 'Standby');
const QUEUED = status('False', 'Queued');
const DOWNLOADING = status('False', 'Downloading');
const FAILED = status('False', 'Failed');
const NO_MEMORY = status('False', 'MemoryResourceNotAvailable');
const NO_SERVICE = status('False', 'InferenceServiceNotFound');

describe('what a person is told to have happened', () => {
  it.each([
    ['a model that is loaded by the time of the first write', undefined, LOADED, ['Scheduled', 'Loaded']],
    ['a model that is waiting for its turn', undefined, QUEUED, ['Scheduled']],
    ['a long download', QUEUED, DOWNLOADING, ['Downloading']],
    ['the end of it', DOWNLOADING, LOADED, ['Loaded']],
    [
      'a model that has loaded and sleeps by the time of the first write',
      undefined,
      STANDBY,
      ['Scheduled', 'Loaded'],
    ],
    ['that it falls asleep', LOADED, STANDBY, []],
    ['that it wakes', STANDBY, LOADED, []],
    ['a failure', QUEUED, FAILED, ['Failed']],
    ['another failure', FAILED, status('False', 'Failed', 'else'), ['Failed']],
    ['too little memory', undefined, NO_MEMORY, ['MemoryExceeded']],
    ['memory at last', NO_MEMORY, QUEUED, ['Scheduled']],
    ['an InferenceService that is deleted', LOADED, NO_SERVICE, ['Unloaded']],
    ['a loaded model that does not fit any more', LOADED, NO_MEMORY, ['Unloaded', 'MemoryExceeded']],
    ['nothing', LOADED, LOADED, []],
    [
      'other numbers of the same waiting',
      NO_MEMORY,
      status('False', 'MemoryResourceNotAvailable', '2Gi'),
      [],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(eventsBetween(before, after, 'sk').map(({ reason }) => reason)).toEqual(expected);
  });
});
