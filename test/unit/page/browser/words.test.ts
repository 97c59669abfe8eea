import { describe, expect, it } from '@jest/globals';
import { bytesText, countText, memoryText } from '../../../../src/page/browser/words.ts';

describe('the words of the page', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1.5 * 2 ** 30, '1.5 GiB'],
    [1_077_936_128, '1 GiB'],
    [1000 * 2 ** 20, '1000 MiB'],
    [2 ** 63, '8192 PiB'],
  ])('%i bytes', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it('count', () => {
    expect([countText(1, 'model'), countText(0, 'model'), countText(10_000, 'model')]).toEqual([
      '1 model',
      '0 models',
      '10,000 models',
    ]);
  });

  it('compare what is declared with what there is', () => {
    expect(memoryText({ declared: 2 ** 20, limit: 2 ** 30 })).toBe('1 MiB of 1 GiB');
    expect(memoryText({ declared: 0, limit: null })).toBe('0 B, no limit');
  });
});
