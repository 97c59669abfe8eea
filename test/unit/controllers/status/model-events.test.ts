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

describe('the events of a change of status', () => {
  it.each([
    ['a model that has loaded before the first write', undefined, LOADED, ['Scheduled', 'Loaded']],
    ['a model that is waiting for its turn', undefined, QUEUED, ['Scheduled']],
    ['a long download', QUEUED, DOWNLOADING, ['Downloading']],
    ['the end of a download', DOWNLOADING, LOADED, ['Loaded']],
    [
      'a model that has loaded and sleeps before the first write',
      undefined,
      STANDBY,
      ['Scheduled', 'Loaded'],
    ],
    ['a model that falls asleep', LOADED, STANDBY, []],
    ['a model that wakes', STANDBY, LOADED, []],
    ['a failure', QUEUED, FAILED, ['Failed']],
    ['another failure', FAILED, status('False', 'Failed', 'else'), ['Failed']],
    ['too little memory', undefined, NO_MEMORY, ['MemoryExceeded']],
    ['enough memory again', NO_MEMORY, QUEUED, ['Scheduled']],
    ['a deleted InferenceService', LOADED, NO_SERVICE, ['Unloaded']],
    ['a loaded model that no longer fits', LOADED, NO_MEMORY, ['Unloaded', 'MemoryExceeded']],
    ['no change', LOADED, LOADED, []],
    [
      'other numbers in the same message',
      NO_MEMORY,
      status('False', 'MemoryResourceNotAvailable', '2Gi'),
      [],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(eventsBetween(before, after, 'sk').map(({ reason }) => reason)).toEqual(expected);
  });
});
