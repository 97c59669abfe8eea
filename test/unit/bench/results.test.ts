import { describe, expect, it } from '@jest/globals';
import { decodeResults, encodeResults, mergeResults } from '../../../bench/report/results.ts';
import { someResults } from './some-results.ts';

const FIRST = someResults([
  ['admission', 'ours', { rate: 1 }],
  ['burst', 'kserve', { time: Infinity }],
  ['burst', 'ours', { time: 2 }],
  ['burst', 'ours', { time: 3 }],
]);

describe('results', () => {
  it('contain every run of a figure', () => {
    expect(FIRST.figures).toContainEqual({ part: 'burst', name: 'time', contender: 'ours', values: [2, 3] });
  });

  it('are unchanged after encoding and decoding, also with Infinity', () => {
    expect(decodeResults(encodeResults(FIRST))).toEqual(FIRST);
  });

  it('keep the parts that were not run again', () => {
    const again = someResults([['admission', 'ours', { rate: 5 }]]);
    const merged = mergeResults(FIRST, again);
    expect(merged.figures).toEqual([...again.figures, ...FIRST.figures.slice(1)]);
    expect(merged.runs.map(({ part }) => part)).toEqual(['admission', 'burst']);
  });

  it('keep nothing from another machine', () => {
    const again = someResults([['admission', 'ours', { rate: 5 }]], {
      machine: { ...FIRST.machine, cores: 64 },
    });
    expect(mergeResults(FIRST, again)).toEqual(again);
    expect(mergeResults(undefined, again)).toEqual(again);
  });
});
