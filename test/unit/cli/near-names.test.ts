import { describe, expect, it } from '@jest/globals';
import { nearNames } from '../../../src/cli/near-names.decide.ts';

describe('names that may have been meant', () => {
  const names = ['flowers', 'flower-shop', 'tulip', 'tulips', 'rose', 'constructor'];
  it.each([
    ['a letter left out', 'flowrs', ['flowers']],
    ['a letter too many', 'rosee', ['rose']],
    ['two letters changed about', 'tuilp', ['tulip']],
    ['a part of several', 'flower', ['flower-shop', 'flowers']],
    ['the nearest comes first', 'tulip', ['tulip', 'tulips']],
    ['nothing like it', 'oak', []],
    ['no text at all', '', ['constructor', 'flower-shop', 'flowers']],
  ])('%s', (_what, wanted, near) => {
    expect(nearNames(wanted, names)).toEqual(near);
  });
});
