import { describe, expect, it } from '@jest/globals';
import { createTextPool } from '../../../src/lib/text-pool.ts';

describe('a pool of texts', () => {
  it('returns each text it is given, however many there were', () => {
    const share = createTextPool(3);
    const texts = ['a', 'b', 'a', '__proto__', 'c', 'd', 'a', ''];
    expect(texts.map((text) => share(text))).toEqual(texts);
  });
});
