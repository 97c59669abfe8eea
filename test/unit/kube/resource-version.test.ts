import { describe, expect, it } from '@jest/globals';
import { compareResourceVersions } from '../../../src/kube/resource-version.ts';

describe('comparing resourceVersions', () => {
  it.each([
    ['5', '5', 0],
    ['5', '6', -1],
    ['10', '9', 1],
    ['99999999999999999999', '100000000000000000000', -1],
    ['opaque', 'opaque', 0],
    ['opaque', '5', undefined],
    ['05', '5', undefined],
    ['', '5', undefined],
    [undefined, '5', undefined],
    [undefined, undefined, undefined],
  ])('%j and %j: %j', (a, b, expected) => {
    const compared = compareResourceVersions(a, b);
    expect(compared === undefined ? undefined : Math.sign(compared)).toBe(expected);
  });
});
