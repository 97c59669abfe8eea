import { describe, expect, it } from '@jest/globals';
import { canonicalHeader, goDuration, goJson, goStringSlice } from '../../../../src/agent/logger/go-text.ts';
import { goUrl, goUrlString, goUrlText } from '../../../../src/agent/logger/go-url.ts';

describe('texts in the format of Go', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['1h2m3.5s', 3_723_500],
    ['300ms', 300],
    ['.5s', 500],
    ['1µs', 0.001],
    ['-2s', -2_000],
  ])('the duration %s', (text, value) => {
    expect(goDuration(text)).toBeCloseTo(value);
  });
  it.each(['', '10', '1x', 's', '1s2', '1 s', '+'])('%j is not a duration', (text) => {
    expect(goDuration(text)).toBeUndefined();
  });

  it.each([
    [['a,b'], ['a', 'b']],
    [
      ['a', 'b,c'],
      ['a', 'b', 'c'],
    ],
    [[''], []],
    [['"a,b",c'], ['a,b', 'c']],
    [['"a""b"'], ['a"b']],
    [['a,'], ['a', '']],
    [['"a'], undefined],
    [['"a"b'], undefined],
  ])('the list %j', (lines, values) => {
    expect(goStringSlice(lines)).toEqual(values);
  });

  it('JSON with escaped HTML characters', () => {
    expect(goJson({ a: '<&>\u2028' })).toBe('{"a":"\\u003c\\u0026\\u003e\\u2028"}');
  });

  it.each([
    ['x-request-id', 'X-Request-Id'],
    ['X-TEAM', 'X-Team'],
    ['not a token', 'not a token'],
  ])('the header %s is %s', (name, canonical) => {
    expect(canonicalHeader(name)).toBe(canonical);
  });

  it.each([
    ['pod a', 'pod%20a'],
    ['pod-a', 'pod-a'],
    ['http://localhost:9081/', 'http://localhost:9081/'],
    ['http://h/a%2Fb?q=ä', 'http://h/a%2Fb?q=ä'],
  ])('the URL %s as a string is %s', (text, string) => {
    expect(goUrlString(text)).toBe(string);
  });

  it('a URL after encoding as JSON', () => {
    expect(goUrlText('abfs://container@account/x')).toBe('abfs://@account/x');
    expect(goUrl('abfs://container@account/x')).toMatchObject({ User: {}, Host: 'account', Path: '/x' });
    expect(goUrl('mailto:x')).toMatchObject({ Scheme: 'mailto', Opaque: 'x', Path: '' });
  });
});
