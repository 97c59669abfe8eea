import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { bytes, formatBytes, formatQuantity, parseQuantity, toBytes } from '../../../src/lib/quantity.ts';

interface Recorded {
  readonly text: string;
  readonly nano?: string;
  readonly value?: string;
  readonly canonical?: string;
}

/** The results of Go's resource.Quantity. The file's `source` says how they were recorded. */
const go = JSON.parse(readFileSync(join(import.meta.dirname, 'quantities.json'), 'utf8')) as {
  readonly quantities: readonly Recorded[];
  readonly order: readonly (readonly string[])[];
};

const parsed = (text: string | number) => {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw new Error(`${text} was refused`);
  return quantity;
};

const named = (rows: readonly Recorded[]) => rows.map((row) => ({ ...row, name: JSON.stringify(row.text) }));
const accepted = named(go.quantities.filter(({ nano }) => nano !== undefined));
const refused = named(go.quantities.filter(({ nano }) => nano === undefined));

describe('a quantity has the same meaning as in Go', () => {
  it('the table has enough cases', () => {
    expect(accepted.length).toBeGreaterThan(250);
    expect(refused.length).toBeGreaterThan(70);
  });

  it.each(refused)('rejects $name', ({ text }) => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  it.each(accepted)('$name is $nano nano', ({ text, nano }) => {
    expect(String(parsed(text).nano)).toBe(nano);
  });

  it.each(accepted.filter(({ value }) => value !== undefined))('$name is $value bytes', ({ text, value }) => {
    expect(String(toBytes(parsed(text)))).toBe(value);
  });

  it.each(accepted.filter(({ canonical }) => canonical !== undefined))(
    'formats $name as $canonical',
    ({ text, canonical }) => {
      expect(formatQuantity(parsed(text))).toBe(canonical);
    },
  );

  it.each(accepted)(
    'the canonical form of $name has the same value and is its own canonical form',
    ({ text }) => {
      const quantity = parsed(text);
      const canonical = formatQuantity(quantity);
      expect(parsed(canonical).nano).toBe(quantity.nano);
      expect(formatQuantity(parsed(canonical))).toBe(canonical);
    },
  );

  it('compares as Go does', () => {
    const ranked = go.order.flatMap((equals, rank) => equals.map((text) => ({ text, rank })));
    for (const a of ranked) {
      for (const b of ranked) {
        const order = Math.sign(Number(parsed(a.text).nano - parsed(b.text).nano));
        expect({ a: a.text, b: b.text, order }).toEqual({
          a: a.text,
          b: b.text,
          order: Math.sign(a.rank - b.rank),
        });
      }
    }
  });
});

describe('without a result in Go', () => {
  it('decimal amounts above 2^63 keep their exact value, so that they exceed every limit', () => {
    expect(toBytes(parsed('12E'))).toBe(12_000_000_000_000_000_000n);
    expect(formatQuantity(parsed('1000E'))).toBe('1000E');
  });

  it.each(['1e1000', '1e-1000', '1e999999999', '1e-999999999', `1e${'9'.repeat(10_000)}`])(
    'rejects an exponent that would exhaust the process: %s',
    (text) => {
      expect(parseQuantity(text)).toBeUndefined();
    },
  );

  it.each([
    { what: 'digits', text: '1'.repeat(1_000_000) },
    { what: 'digits after the point', text: `1.${'3'.repeat(1_000_000)}Gi` },
    { what: 'zeros', text: `${'0'.repeat(1_000_000)}x` },
    { what: 'spaces', text: `1${' '.repeat(1_000_000)}x` },
  ])('a million $what are parsed quickly', ({ text }) => {
    const start = performance.now();
    parseQuantity(text);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('a quantity as a number in YAML', () => {
  it.each([
    { number: 0, nano: 0n },
    { number: 1073741824, nano: 1_073_741_824_000_000_000n },
    { number: 0.5, nano: 500_000_000n },
    { number: 1e21, nano: 10n ** 30n },
    { number: 1e-7, nano: 100n },
    { number: -1, nano: -1_000_000_000n },
  ])('$number', ({ number, nano }) => {
    expect(parsed(number).nano).toBe(nano);
  });

  it.each([NaN, Infinity, -Infinity])('rejects %s', (number) => {
    expect(parseQuantity(number)).toBeUndefined();
  });
});

describe('formatting bytes', () => {
  it.each([
    { amount: 0, text: '0' },
    { amount: 1000, text: '1k' },
    { amount: 1024, text: '1Ki' },
    { amount: 1025, text: '1025' },
    { amount: 1024 ** 3, text: '1Gi' },
    { amount: 1.5 * 1024 ** 3, text: '1536Mi' },
  ])('$amount is $text', ({ amount, text }) => {
    expect(formatBytes(bytes(amount))).toBe(text);
  });
});
