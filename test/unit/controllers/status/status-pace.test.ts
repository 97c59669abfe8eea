import { describe, expect, it } from '@jest/globals';
import type { MonotonicMs } from '../../../../src/lib/clock.ts';
import { decideStatusWrite, untilNextTry } from '../../../../src/controllers/status/status-pace.decide.ts';
import type { PaceInput } from '../../../../src/controllers/status/status-pace.decide.ts';
import type { TrainedModelStatus } from '../../../../src/contract/trained-model-status.ts';

const NOW = 1_000_000;
const status = (loaded: string, reason: string, message = ''): TrainedModelStatus => ({
  conditions: [
    { type: 'ModelLoaded', status: loaded as 'True', reason, message },
    { type: 'Ready', status: loaded as 'True' },
  ],
});
const LOADED = status('True', 'Loaded');
const STANDBY = status('True', 'Standby', 'has loaded');
const FAILED = status('False', 'Failed', 'pod a: 404');
const QUEUED = status('False', 'Queued');
const LOADING = status('False', 'Loading');
const NO_REPLICAS = status('False', 'NoReplicas');

const pace = (change: Partial<PaceInput> & { wantedFor?: number; writtenAgo?: number }) => {
  const { wantedFor = 0, writtenAgo, ...rest } = change;
  const result = decideStatusWrite({
    ...{ stored: undefined, wanted: LOADED, settled: true, graceUntil: undefined, modelCount: 1 },
    since: (NOW - wantedFor) as MonotonicMs,
    lastWriteAt: writtenAgo === undefined ? undefined : ((NOW - writtenAgo) as MonotonicMs),
    now: NOW as MonotonicMs,
    ...rest,
  });
  return result.kind === 'wait' ? result.until - NOW : result.kind;
};

describe('10,000 models of which 50 a second fall asleep or wake', () => {
  it('cause no status write in ten minutes', () => {
    const states = Array.from({ length: 10_000 }, () => LOADED);
    let writes = 0;
    for (let change = 0; change < 50 * 600; change += 1) {
      const model = (change * 7919) % states.length;
      const wanted = Math.floor(change / states.length) % 2 === 0 ? STANDBY : LOADED;
      const at = NOW + change * 20;
      const decided = decideStatusWrite({
        ...{ stored: states[model], wanted, settled: true, graceUntil: undefined, modelCount: 10_000 },
        ...{ since: at as MonotonicMs, lastWriteAt: NOW as MonotonicMs, now: at as MonotonicMs },
      });
      if (decided.kind === 'write') writes += 1;
    }
    expect(writes).toBe(0);
  });
});

describe('when a status is written', () => {
  it.each([
    ['unchanged: never', { stored: LOADED }, 'nothing'],
    ['loaded: at once', { stored: QUEUED }, 'write'],
    ['loaded, as the first status: at once', {}, 'write'],
    ['loaded and asleep, as the first status: at once', { wanted: STANDBY }, 'write'],
    ['asleep after a failure: at once', { stored: FAILED, wanted: STANDBY }, 'write'],
    [
      'asleep: an hour after the last write',
      { stored: LOADED, wanted: STANDBY, writtenAgo: 1000 },
      3_599_000,
    ],
    [
      'awake, of 10,000 models: less than one write a second for all',
      { stored: STANDBY, writtenAgo: 1000, modelCount: 10_000 },
      9_999_000,
    ],
    [
      'asleep, with another URL: at once',
      { stored: LOADED, wanted: { ...STANDBY, url: 'http://new' }, writtenAgo: 1000 },
      'write',
    ],
    ['failed: after other replicas had time to fail too', { stored: QUEUED, wanted: FAILED }, 500],
    ['failed half a second ago: now', { stored: QUEUED, wanted: FAILED, wantedFor: 500 }, 'write'],
    ['a new model without replicas: after the first pod may have started', { wanted: NO_REPLICAS }, 3000],
    ['without replicas for three seconds: at once', { wanted: NO_REPLICAS, wantedFor: 3000 }, 'write'],
    ['no longer any replica: at once', { stored: LOADED, wanted: NO_REPLICAS }, 'write'],
    ['in progress, new: after three seconds', { wanted: QUEUED, settled: false }, 3000],
    ['in progress for three seconds: at once', { wanted: QUEUED, settled: false, wantedFor: 3000 }, 'write'],
    [
      'from one state in progress to the next: a minute after the last write',
      { stored: QUEUED, wanted: LOADING, settled: false, wantedFor: 3000, writtenAgo: 3000 },
      57_000,
    ],
    [
      'a slow update of a loaded model',
      { stored: LOADED, wanted: LOADING, settled: false, wantedFor: 3000 },
      'write',
    ],
    [
      'an agent that may still answer: after its grace period',
      {
        stored: LOADED,
        wanted: QUEUED,
        settled: false,
        wantedFor: 3000,
        graceUntil: (NOW + 9000) as MonotonicMs,
      },
      9000,
    ],
    [
      'only another message: rarely',
      { stored: FAILED, wanted: status('False', 'Failed', 'pod b: 404'), wantedFor: 5000, writtenAgo: 4000 },
      6000,
    ],
  ])('%s', (_, change, expected) => {
    expect(pace(change)).toBe(expected);
  });
});

describe('a state in progress without a turn', () => {
  it.each([
    ['alone', 1, 2000],
    ['among forty', 40, 2000],
    ['among a thousand', 1000, 50_000],
    ['among a hundred thousand', 100_000, 60_000],
  ])('%s, with twenty turns a second, waits', (_how, held, expected) => {
    expect(untilNextTry(held, 20)).toBe(expected);
  });
});
