import { describe, expect, it } from '@jest/globals';
import {
  bytesText,
  countText,
  hitsText,
  memoryText,
  requestsText,
  residentText,
} from '../../../../src/page/browser/words.ts';

describe('the texts of the page', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1.5 * 2 ** 30, '1.5 GiB'],
    [1_077_936_128, '1 GiB'],
    [1000 * 2 ** 20, '1000 MiB'],
    [2 ** 63, '8192 PiB'],
  ])('show %i bytes', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it('show counts', () => {
    expect([countText(1, 'model'), countText(0, 'model'), countText(10_000, 'model')]).toEqual([
      '1 model',
      '0 models',
      '10,000 models',
    ]);
  });

  it('show the declared memory and the limit', () => {
    expect(memoryText({ declared: 2 ** 20, limit: 2 ** 30 })).toBe('1 MiB of 1 GiB');
    expect(memoryText({ declared: 0, limit: null })).toBe('0 B, no limit');
  });

  it.each([
    [0, 0, null, 'none yet'],
    [1, 0, 4, '1 request; mean 4 ms'],
    [1_024, 3, 1_234, '1,024 requests, 3 failed; mean 1.2 s'],
    [7, 7, null, '7 requests, 7 failed'],
  ])('show %i requests, %i failed', (requests, errors, meanMs, text) => {
    expect(requestsText({ requests, errors, meanMs, p99Ms: null })).toBe(text);
  });

  it('show what is known of the memory in use', () => {
    const nothing = { resident: 3, budget: null, declared: null, measured: null, hits: 0, misses: 0 };
    const mib = 2 ** 20;
    expect(residentText(nothing)).toBe('not known');
    expect(residentText({ ...nothing, budget: 64 * mib, declared: 12 * mib })).toBe(
      '12 MiB declared, of 64 MiB',
    );
    expect(residentText({ ...nothing, declared: 12 * mib, measured: 14 * mib })).toBe(
      '12 MiB declared, 14 MiB measured',
    );
    expect(hitsText(nothing)).toBe('no request yet');
    expect(hitsText({ ...nothing, hits: 999, misses: 1 })).toBe(
      '99 % of 1,000 requests found their model in memory',
    );
  });
});
