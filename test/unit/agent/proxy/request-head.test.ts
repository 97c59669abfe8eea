import { describe, expect, it } from '@jest/globals';
import { requestHead } from '../../../../src/agent/proxy/request-head.decide.ts';

describe('the head of a request', () => {
  it('keeps the order, case and number of its headers', () => {
    const headers = ['Host', 'h', 'a', '1', 'A', '', 'B', '\xe9'];
    expect(requestHead('M-SEARCH', { target: '/x?y=%20\xe9', headers })).toBe(
      'M-SEARCH /x?y=%20\xe9 HTTP/1.1\r\nHost: h\r\na: 1\r\nA: \r\nB: \xe9\r\n\r\n',
    );
  });

  it.each([
    ['a blank in the target', '/a b', []],
    ['a line break in the target', '/a\r\nB: c', []],
    ['no target', '', []],
    ['a line break in a value', '/', ['A', 'b\r\nC: d']],
    ['a CR in a value', '/', ['A', 'b\rc']],
    ['an LF in a value', '/', ['A', 'b\n']],
    ['a NUL in a value', '/', ['A', '\0']],
    ['a character that is not a byte', '/', ['A', '\u0100']],
    ['a colon in a name', '/', ['A:', 'b']],
    ['a line break in a name', '/', ['A\r\nB', 'c']],
    ['an empty name', '/', ['', 'b']],
  ])('is invalid with %s', (_, target, headers) => {
    expect(requestHead('GET', { target, headers })).toBeUndefined();
  });
});
