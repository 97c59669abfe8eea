import { describe, expect, it } from '@jest/globals';
import { parseDuration } from '../../../src/lib/duration.ts';

describe('parsing a duration', () => {
  it.each<[string, number | undefined]>([
    ['90s', 90_000],
    ['2m', 120_000],
    ['1h1m30s', 3_690_000],
    ['1.5s', 1_500],
    ['500ms', 500],
    ['0s', 0],
    ['', undefined],
    ['5', undefined],
    ['-1s', undefined],
    ['1 m', undefined],
    ['2m!', undefined],
    ['1d', undefined],
  ])('%p is %p ms', (text, span) => {
    expect(parseDuration(text)).toBe(span);
  });
});
