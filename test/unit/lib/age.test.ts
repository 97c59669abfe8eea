import { describe, expect, it } from '@jest/globals';
import { age } from '../../../src/lib/age.ts';
import type { EpochMs } from '../../../src/lib/clock.ts';

const BORN = '2026-01-01T00:00:00Z';

describe('an age', () => {
  it.each([
    [-5, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [310, '5m10s'],
    [600, '10m'],
    [10_799, '179m'],
    [10_800, '3h'],
    [12_000, '3h20m'],
    [28_800, '8h'],
    [172_800, '2d'],
    [180_000, '2d2h'],
    [691_200, '8d'],
    [86_400 * 400, '400d'],
  ])('of %d seconds is shown as %s', (seconds, expected) => {
    expect(age(BORN, (Date.parse(BORN) + seconds * 1000) as EpochMs)).toBe(expected);
  });

  it.each([undefined, '', 'yesterday'])('of %j is unknown', (since) => {
    expect(age(since, 0 as EpochMs)).toBe('<unknown>');
  });
});
