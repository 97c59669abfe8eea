import { describe, expect, it } from '@jest/globals';
import { growthExponent, spreadOf } from '../../../bench/report/statistics.ts';

describe('the spread of values', () => {
  it.each([
    { what: 'an odd number of values', values: [9, 1, 5], median: 5, min: 1, max: 9 },
    { what: 'an even number of values', values: [10, 2, 4, 1], median: 3, min: 1, max: 10 },
    { what: 'one value', values: [7], median: 7, min: 7, max: 7 },
    { what: 'one infinite value', values: [Infinity], median: Infinity, min: Infinity, max: Infinity },
    {
      what: 'mostly infinite values',
      values: [1, Infinity, Infinity, Infinity],
      median: Infinity,
      min: 1,
      max: Infinity,
    },
  ])('of $what', ({ values, median, min, max }) => {
    expect(spreadOf(values)).toEqual({ median, min, max });
  });
});

describe('the exponent of growth', () => {
  const sizes = [100, 300, 1_000, 10_000];

  it.each([0, 1, 1.5, 2])('is %d for values that grow accordingly', (exponent) => {
    const points = sizes.map((x) => [x, 7 * x ** exponent] as const);
    expect(growthExponent(points)).toBeCloseTo(exponent);
  });

  it('is unknown for one point', () => {
    expect(growthExponent([[100, 3]])).toBeNaN();
  });
});
