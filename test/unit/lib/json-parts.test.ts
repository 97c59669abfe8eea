import { describe, expect, it } from '@jest/globals';
import { closingQuote, jsonKind, jsonParts } from '../../../src/lib/json-parts.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** Parses the text part by part. */
function assembled(text: string): unknown {
  const bytes = Buffer.from(text);
  const parts = [...jsonParts(bytes)].map(
    ({ name, value }) => [name, JSON.parse(value.toString()) as unknown] as const,
  );
  if (jsonKind(bytes) === 'list') return parts.map(([, value]) => value);
  const record = {};
  for (const [name, value] of parts) {
    const how = { value, configurable: true, enumerable: true, writable: true };
    Object.defineProperty(record, name ?? '', how);
  }
  return record;
}

const long = 'x'.repeat(1000);

describe('the parts of a JSON text', () => {
  it.each([
    '{}',
    '[]',
    ' { } ',
    '\n[\t]\r\n',
    '{"a":1}',
    '{"a":1,"b":[1,2,{"c":"]}"}],"":null}',
    ' { "a" : -1.5e3 , "b" : true } ',
    '[1,"2",[3],{"4":5},false]',
    '{"\\"":"\\\\","\\\\":"\\"","ü":"模型"}',
    '{"__proto__":{"a":1},"constructor":2}',
    '{"a":1,"a":2}',
    JSON.stringify({ a: long, b: `${long}"`, c: `${long}\\`, d: `${long}\\"${long}\\\\` }),
    JSON.stringify(['"'.repeat(500), '\\'.repeat(501), `${long}${'\\'.repeat(300)}"`, '\\"'.repeat(300)]),
    `${'['.repeat(1_000)}${']'.repeat(1_000)}`,
  ])('equal the parts of the parsed text: %#', (text) => {
    const whole: unknown = JSON.parse(text);
    expect(JSON.stringify(assembled(text))).toBe(JSON.stringify(whole));
  });

  it.each([
    '',
    'null',
    '"a"',
    '{',
    '[',
    '{"a"',
    '{"a":',
    '{"a":1',
    '[1',
    '[1,',
    '{"a" 1}',
    '["a]',
    '[1}',
    '["a\\',
  ])('are incomplete without an end: %s', (text) => {
    expect(() => assembled(text)).toThrow(SyntaxError);
  });

  it('equal the parts of random values', () => {
    const random = seededRandom(7);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
    const string = (): string =>
      Array.from({ length: Math.floor(random() * pick([3, 40, 400])) }, () =>
        pick(['a', '"', '\\', '{', ']', ',', ':', 'ü', '\n', '\u2028']),
      ).join('');
    const value = (depth: number): unknown => {
      const kind = depth === 0 ? 0 : Math.floor(random() * 3);
      const length = Math.floor(random() * 5);
      if (kind === 1) return Array.from({ length }, () => value(depth - 1));
      if (kind === 2) return Object.fromEntries(Array.from({ length }, () => [string(), value(depth - 1)]));
      return pick([string(), null, true, -0.5, 1e21]);
    };
    for (let round = 0; round < 500; round += 1) {
      const text = JSON.stringify([value(4), value(4), value(4)], null, pick([0, 2]));
      // Compares text instead of values, because V8 13.6 parses some escaped names incorrectly.
      expect(JSON.stringify(assembled(text))).toBe(JSON.stringify(JSON.parse(text)));
    }
  });
});

describe('the end of a string', () => {
  it.each([
    ['a"', 1],
    ['"', 0],
    ['\\""', 2],
    ['a', 1],
    ['a\\', 3],
    ['\\\\', 2],
    [`${long}"`, 1000],
    [`${long}\\"`, 1002],
    [`${long}\\\\"`, 1002],
    [`${long}\\`, 1002],
    [`${long}\\\\`, 1002],
    ['\\"'.repeat(1000), 2000],
  ])('%# is found, or the offset at which the search continues', (text, at) => {
    expect(closingQuote(Buffer.from(text), 0)).toBe(at);
  });
});
