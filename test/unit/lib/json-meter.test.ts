import { describe, expect, it } from '@jest/globals';
import { boundsWithin, type JsonBounds, jsonMeter } from '../../../src/lib/json-meter.ts';

const BOUNDS: JsonBounds = { values: 1_000, names: 100 };
const SEED = 12_345;

/** What a meter reports for a text that is added in pieces of this size. */
function measure(text: string, bounds: JsonBounds, size = text.length) {
  const bytes = Buffer.from(text);
  const meter = jsonMeter(bounds, SEED);
  let excess;
  for (let at = 0; at < bytes.length && excess === undefined; at += size)
    excess = meter.add(bytes.subarray(at, at + size));
  return { excess, values: meter.values(), depth: meter.depth() };
}

const TEXTS = [
  '{"a":[1,2,{"b":"c"}],"d":{"e":[[[]]]}}',
  String.raw`{"a\"b":"},[{\\","c\\":["\u0022,","\\\\"]}`,
  `{"${'long'.repeat(200)}":"${'x,[{'.repeat(200)}","y":[1,2]}`,
  '"',
  '[[[[',
  String.raw`"\"`,
];

describe('the meter of JSON', () => {
  it.each(TEXTS)(
    'counts values and depth the same with and without a bound of names, for any pieces: %s',
    (text) => {
      const expected = measure(text, BOUNDS);
      for (const size of [1, 2, 3, 7, text.length])
        for (const names of [BOUNDS.names, Number.POSITIVE_INFINITY])
          expect(measure(text, { ...BOUNDS, names }, size)).toEqual(expected);
    },
  );

  it('does not bound names in a text too short to exceed the bound', () => {
    expect(boundsWithin(BOUNDS, 300).names).toBe(Number.POSITIVE_INFINITY);
    expect(boundsWithin(BOUNDS, 301)).toEqual(BOUNDS);
    // The length is unknown.
    expect(boundsWithin(BOUNDS, Number.NaN)).toEqual(BOUNDS);
  });

  it('finds no more names than the bound in a text of only names', () => {
    for (const name of [(at: number) => `"${String.fromCharCode(33 + at)}":`, () => '"":', () => ':']) {
      const text = Array.from({ length: 90 }, (_, at) => name(at))
        .join('')
        .slice(0, 300);
      expect(measure(text, BOUNDS).excess).toBeUndefined();
    }
  });

  it('still bounds the values of a short text', () => {
    expect(measure(','.repeat(12), boundsWithin({ values: 10, names: 100 }, 12)).excess).toBe('values');
  });
});
