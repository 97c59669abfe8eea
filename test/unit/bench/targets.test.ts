import { describe, expect, it } from '@jest/globals';
import * as names from '../../../bench/report/figure-names.ts';
import { losses } from '../../../bench/report/guard.ts';
import { GROWTH, judgeTargets } from '../../../bench/report/targets.ts';
import { someResults } from './some-results.ts';
import type { Runs } from './some-results.ts';

const THOUSAND = { models: 1_000, services: 1 };
const HUNDRED = { models: 100, services: 1 };

/** A run that just meets every target. */
const GOOD: Runs = [
  ['admission', 'none', { [names.podsASecond(16)]: 1_600, [names.admissionP50(1)]: 1 }],
  ['admission', 'kserve', { [names.podsASecond(16)]: 920, [names.admissionP50(1)]: 101 }],
  ['admission', 'instant', { [names.podsASecond(16)]: 1_000, [names.admissionP50(1)]: 3 }],
  ['admission', 'ours', { [names.podsASecond(16)]: 920, [names.admissionP50(1)]: 3.3 }],
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
      ...{ [names.mlserverStartTime(90)]: 10, [names.UPDATE_TIME]: 20 },
      ...{ [names.applyTime('1 KB')]: 4, [names.applyTime('1 MB')]: 4, [names.applyTime('100 MB')]: 70 },
    },
  ],
  [
    'agent',
    'ours',
    {
      ...{ [names.startTime(90)]: 117, [names.startTime(1_000)]: 800, [names.mlserverStartTime(90)]: 13 },
      ...{ [names.applyTime('1 KB')]: 5, [names.applyTime('1 MB')]: 5, [names.applyTime('100 MB')]: 77 },
      ...{ [names.UPDATE_FAILURES]: 0, [names.UPDATE_TIME]: 30 },
    },
  ],
  ['data-path', 'kserve', { [names.requestsASecond(16)]: 1_000, [names.requestQuantile('p99', 16)]: 5 }],
  ['data-path', 'ours', { [names.requestsASecond(16)]: 1_000, [names.requestQuantile('p99', 16)]: 3 }],
  ['logger', 'kserve', { [names.requestsASecond(16)]: 1_000 }],
  ['logger', 'ours', { [names.requestsASecond(16)]: 1_000 }],
  [
    'on-demand',
    'ours',
    {
      ...{ [names.requestsASecond(16)]: 950, [names.alwaysRequestsASecond(16)]: 1_000 },
      [names.idleRss('agent')]: 100,
    },
  ],
  [
    'footprint',
    'kserve',
    {
      ...{ [names.idleRss('agent')]: 60, [names.memoryFigure('RSS', names.AFTER_TRAFFIC)]: 80 },
      ...{ [names.idlePss('agent')]: 60, [names.idlePss('manager')]: 60, [names.readyTime('manager')]: 100 },
    },
  ],
  [
    'footprint',
    'ours',
    {
      ...{ [names.idleRss('agent')]: 69, [names.memoryFigure('RSS', names.AFTER_TRAFFIC)]: 92 },
      ...{ [names.idlePss('agent')]: 36, [names.idlePss('manager')]: 60, [names.readyTime('manager')]: 250 },
    },
  ],
  ['scale', 'ours', { [names.burstTime(names.SCALE)]: 500, [names.burstPeak(names.SCALE)]: 1_024 }],
];

/** The same run with some figures of one contender in a part changed. */
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
  it('are met by a good run, and not judged without measurements', () => {
    expect(judgeTargets(someResults(GOOD)).map(({ what, met }) => ({ what, met }))).toEqual(
      judgeTargets(someResults([])).map(({ what }) => ({ what, met: true })),
    );
    expect(new Set(judgeTargets(someResults([])).map(({ met }) => met))).toEqual(new Set([undefined]));
  });

  it.each([
    [
      'admission',
      { [names.podsASecond(16)]: 910 },
      [
        'throughput with 16 callers, to KServe',
        'throughput with 16 callers, to a webhook that takes no time',
      ],
    ],
    [
      'admission',
      { [names.admissionP50(1)]: 3.4 },
      ['added latency p50, one caller, to a webhook that takes no time'],
    ],
    ['burst', { [names.burstTime(THOUSAND)]: 1.1 }, ['1,000 TrainedModels at once: faster than KServe']],
    ['burst', { [names.burstWrites(THOUSAND)]: 11 }, ['1,000 at once: ConfigMap writes']],
    [
      'burst',
      { [names.burstBytes({ models: 10_000, services: 100 })]: 2e5 },
      ['growth of bytes from 1,000 to 10,000, exponent'],
    ],
    [
      'agent',
      { [names.startTime(1_000)]: Infinity },
      ['1,000 models at start', 'time a model at 1,000, to KServe’s at 90'],
    ],
    ['agent', { [names.startTime(90)]: 118 }, ['90 models at start, to KServe']],
    ['agent', { [names.mlserverStartTime(90)]: 14 }, ['90 at start by MLServer, to KServe']],
    ['agent', { [names.applyTime('1 MB')]: 5.1 }, ['apply to loaded, 1 MB, to KServe']],
    ['agent', { [names.UPDATE_TIME]: 31 }, ['update to loaded under load, to KServe']],
    ['agent', { [names.UPDATE_FAILURES]: 1 }, ['failed requests in an update under load']],
    ['data-path', { [names.requestsASecond(16)]: 999 }, ['throughput, 16 connections, to KServe']],
    ['logger', { [names.requestsASecond(16)]: 999 }, ['throughput, 16 connections, logged, to KServe']],
    ['footprint', { [names.idlePss('manager')]: 61 }, ['idle PSS of the manager, to KServe']],
    ['scale', { [names.burstPeak(names.SCALE)]: 1_025 }, ['the manager’s peak RSS there']],
  ])('of %s are missed with %j', (part, change, expected) => {
    expect(missed(changed(part, 'ours', change))).toEqual(expected);
  });
});

describe('a target', () => {
  it('is shown beside the best possible value', () => {
    const shown = judgeTargets(someResults(GOOD)).map(({ seen }) => seen);
    expect(shown[1]).toBe('0.92 × (a webhook that takes no time, to none: 0.625 ×)');
  });
});

describe('the guard', () => {
  it('accepts a good run', () => {
    expect(losses(someResults(GOOD))).toEqual([]);
  });

  it.each([
    ['admission', { [names.podsASecond(16)]: 900 }],
    ['burst', { [names.burstTime(HUNDRED)]: 5 }],
    ['burst', { [names.burstWrites(HUNDRED)]: 11 }],
    ['agent', { [names.startTime(90)]: 721 }],
    ['agent', { [names.UPDATE_FAILURES]: 3 }],
    ['agent', { [names.applyTime('100 MB')]: 141 }],
    ['agent', { [names.UPDATE_TIME]: 51 }],
    ['data-path', { [names.requestsASecond(16)]: 799 }],
  ])('reports a loss in %s: %j', (part, change) => {
    expect(losses(someResults(changed(part, 'ours', change)))).toEqual([
      expect.stringContaining(Object.keys(change)[0]!),
    ]);
  });

  it('treats a missing figure as a loss', () => {
    expect(losses(someResults([]))).toContainEqual(expect.stringContaining('was not measured'));
  });
});
