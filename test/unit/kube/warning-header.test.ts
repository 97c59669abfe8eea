import { describe, expect, it } from '@jest/globals';
import { warningsIn } from '../../../src/kube/warning-header.decide.ts';

describe('the header Warning', () => {
  it.each<[string, string | string[] | undefined, string[]]>([
    ['no header', undefined, []],
    ['one', '299 - "not yet there"', ['not yet there']],
    ['a warning with quotes', '299 - "no \\"flowers\\" and no \\\\"', ['no "flowers" and no \\']],
    ['several warnings in one value', '299 - "a, b", 299 kube "c"', ['a, b', 'c']],
    ['several values', ['299 - "a"', '299 - "b"'], ['a', 'b']],
    ['a code other than that of the API server', '199 - "cached"', []],
    ['junk', '299 - "never ends', []],
  ])('%s', (_what, header, warnings) => {
    expect(warningsIn(header)).toEqual(warnings);
  });
});
