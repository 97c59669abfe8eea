import { describe, expect, it } from '@jest/globals';
import * as names from '../../../bench/report/figure-names.ts';
import { losses } from '../../../bench/report/guard.ts';
import { GROWTH, judgeTargets } from '../../../bench/report/targets.ts';
import { someResults } from './some-results.ts';
import type { Runs } from './some-results.ts';

const THOUSAND = { models: 1_000, services: 1 };
const HUNDRED = { models: 100, services: 1 };

/** A run in which every target is met, each by just enough. */
const GOOD: Runs = [
  ['admission', 'none', { [names.podsASecond(16)]: 1_600, [names.admissionP50(1)]: 1 }],
  ['admission', 'kserve', { [names.podsASecond(16)]: 10, [names.admissionP50(1)]: 101 }],
  ['admission', 'ours', { [names.podsASecond(16)]: 800, [names.admissionP50(1)]: 3.5 }],
  [
    'burst',
    'kserve',
    {
      ...{ [names.burstTime(THOUSAND)]: 100, [names.burstBytes(THOUSAND)]: 1e6 },
      [names.burstTime(HUNDRED)]: 19,
    },
  ],
  ...GROWTH.map(
    (burst) =>
      [
        'burst',
        'ours',
        {
          [names.burstTime(burst)]: burst.models / 1_000,
          [names.burstBytes(burst)]: burst.models * 10,
          [names.burstWrites(burst)]: 10,
        },
      ] as const,
  ),
  [
    'agent',
    'kserve',
    {
      ...{ [names.startTime(90)]: 90, [names.startTime(1_000)]: Infinity },
      ...{ [names.mlserverStartTime(90)]: 12, [names.applyTime('100 MB')]: 70, [names.UPDATE_TIME]: 20 },
    },
  ],
  [
    'agent',
    'ours',
    {
      ...{ [names.startTime(90)]: 180, [names.startTime(1_000)]: 1_000, [names.mlserverStartTime(90)]: 24 },
      ...{ [names.UPDATE_FAILURES]: 0, [names.applyTime('100 MB')]: 77, [names.UPDATE_TIME]: 30 },
    },
  ],
  ['data-path', 'kserve', { [names.requestsASecond(16)]: 1_000, [names.requestQuantile('p99', 16)]: 4 }],
  ['data-path', 'ours', { [names.requestsASecond(16)]: 800, [names.requestQuantile('p99', 16)]: 5 }],
  [
    'on-demand',
    'ours',
    {
      ...{ [names.requestsASecond(16)]: 950, [names.alwaysRequestsASecond(16)]: 1_000 },
      [names.idleRss('agent')]: 100,
    },
  ],
  ['footprint', 'kserve', { [names.idleRss('agent')]: 60, [names.idleRss('manager')]: 60 }],
  ['footprint', 'ours', { [names.idleRss('agent')]: 60, [names.idleRss('manager')]: 60 }],
  ['scale', 'ours', { [names.burstTime(names.SCALE)]: 500, [names.burstPeak(names.SCALE)]: 1_024 }],
];

/** The same with one contender's figures of a part changed. */
function changed(part: string, contender: string, change: Readonly<Record<string, number>>): Runs {
  return GOOD.map(([aPart, who, sample]) => {
    const affected =
      aPart === part && who === contender && Object.keys(change).some((name) => name in sample);
    return [aPart, who, affected ? { ...sample, ...change } : sample];
  });
}

const missed = (runs: Runs): string[] =>
  judgeTargets(someResults(runs))
    .filter(({ met }) => met === false)
    .map(({ what }) => what);

describe('the targets', () => {
  it('are all met, or not measured, as the figures say', () => {
    expect(judgeTargets(someResults(GOOD)).map(({ what, met }) => ({ what, met }))).toEqual(
      judgeTargets(someResults([])).map(({ what }) => ({ what, met: true })),
    );
    expect(new Set(judgeTargets(someResults([])).map(({ met }) => met))).toEqual(new Set([undefined]));
  });

  it.each([
    [
      'admission',
      { [names.podsASecond(16)]: 790 },
      ['throughput with 16 callers, to KServe', 'throughput with 16 callers, to no webhook'],
    ],
    [
      'admission',
      { [names.admissionP50(1)]: 3.6 },
      ['added latency p50, one caller, to KServe', 'added latency p50, one caller'],
    ],
    ['burst', { [names.burstTime(THOUSAND)]: 1.1 }, ['1,000 TrainedModels at once: faster than KServe']],
    ['burst', { [names.burstWrites(THOUSAND)]: 11 }, ['1,000 at once: ConfigMap writes']],
    [
      'burst',
      { [names.burstBytes({ models: 10_000, services: 100 })]: 2e5 },
      ['growth of bytes to 10,000, exponent'],
    ],
    [
      'agent',
      { [names.startTime(1_000)]: Infinity },
      ['1,000 models at start', 'time a model at 1,000, to KServe’s at 90'],
    ],
    ['agent', { [names.startTime(90)]: 181 }, ['90 models at start, to KServe']],
    ['agent', { [names.mlserverStartTime(90)]: 25 }, ['90 at start by MLServer, to KServe']],
    ['agent', { [names.UPDATE_FAILURES]: 1 }, ['failed requests in an update under load']],
    ['data-path', { [names.requestsASecond(16)]: 799 }, ['throughput, 16 connections, to KServe']],
    ['footprint', { [names.idleRss('manager')]: 61 }, ['idle RSS of the manager, to KServe']],
    ['scale', { [names.burstPeak(names.SCALE)]: 1_025 }, ['the manager’s peak RSS there']],
  ])('of %s are missed with %j', (part, change, expected) => {
    expect(missed(changed(part, 'ours', change))).toEqual(expected);
  });
});

describe('a target', () => {
  it('is shown beside the best that anybody could do', () => {
    const instant = ['admission', 'instant', { [names.podsASecond(16)]: 784 }] as const;
    const shown = judgeTargets(someResults([...GOOD, instant])).map(({ seen }) => seen);
    expect(shown[1]).toBe('0.5 × (a webhook that takes no time: 0.49 ×)');
  });

  it('of growth is shown beside that of bursts which outlast their first windows', () => {
    const cheapWhenSmall = changed('burst', 'ours', { [names.burstBytes(HUNDRED)]: 500 });
    const shown = judgeTargets(someResults(cheapWhenSmall)).find(({ what }) =>
      what.startsWith('growth of bytes'),
    );
    expect(shown?.seen).toBe('1.11 (from 1,000 on: 1)');
  });
});

describe('the guard', () => {
  const instant: Runs = [['admission', 'instant', { [names.podsASecond(16)]: 1_000 }]];

  it('lets a good run pass', () => {
    expect(losses(someResults([...GOOD, ...instant]))).toEqual([]);
  });

  it.each([
    ['admission', { [names.podsASecond(16)]: 49 }],
    ['burst', { [names.burstTime(HUNDRED)]: 5 }],
    ['burst', { [names.burstWrites(HUNDRED)]: 11 }],
    ['agent', { [names.startTime(90)]: 721 }],
    ['agent', { [names.UPDATE_FAILURES]: 3 }],
    ['agent', { [names.applyTime('100 MB')]: 141 }],
    ['agent', { [names.UPDATE_TIME]: 51 }],
    ['data-path', { [names.requestsASecond(16)]: 799 }],
  ])('names a loss of %s: %j', (part, change) => {
    expect(losses(someResults([...changed(part, 'ours', change), ...instant]))).toEqual([
      expect.stringContaining(Object.keys(change)[0]!),
    ]);
  });

  it('takes a figure that is missing for a loss', () => {
    expect(losses(someResults([]))).toContainEqual(expect.stringContaining('was not measured'));
  });
});
