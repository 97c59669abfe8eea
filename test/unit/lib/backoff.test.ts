import { describe, expect, it } from '@jest/globals';
import { backoffDelay } from '../../../src/lib/backoff.ts';
import { seconds } from '../../../src/lib/clock.ts';

describe('backoff', () => {
  const policy = { base: seconds(1), cap: seconds(10) };

  it.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [4, 8000],
    [5, 10_000],
    [5000, 10_000],
  ])('after %d failures is between half of %d ms and all of it', (failures, most) => {
    expect(backoffDelay(failures, policy, () => 0)).toBe(most / 2);
    expect(backoffDelay(failures, policy, () => 0.5)).toBe(most * 0.75);
    expect(backoffDelay(failures, policy, () => 0.999_999)).toBeLessThanOrEqual(most);
  });
});
