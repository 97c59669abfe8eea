import { describe, expect, it } from '@jest/globals';
import { nearNames } from '../../../src/cli/near-names.decide.ts';

describe('similar names', () => {
  const names = ['flowers', 'flower-shop', 'tulip', 'tulips', 'rose', 'constructor'];
  it.each([
    ['a missing letter', 'flowrs', ['flowers']],
    ['an additional letter', 'rosee', ['rose']],
    ['two swapped letters', 'tuilp', ['tulip']],
    ['a part of several names', 'flower', ['flower-shop', 'flowers']],
    ['the nearest comes first', 'tulip', ['tulip', 'tulips']],
    ['nothing similar', 'oak', []],
    ['empty text', '', ['constructor', 'flower-shop', 'flowers']],
  ])('%s', (_what, wanted, near) => {
    expect(nearNames(wanted, names)).toEqual(near);
  });
});
