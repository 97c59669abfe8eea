import { describe, expect, it } from '@jest/globals';
import { answerDifference } from '../../../../src/cli/fold/compare/compare-answers.decide.ts';
import type { Tolerance } from '../../../../src/cli/fold/compare/compare-answers.decide.ts';

type Fields = Readonly<Record<string, unknown>>;

function output(changes: Fields = {}): Fields {
  return { name: 'predict', datatype: 'FP64', shape: [2, 2], data: [0.1, 0.2, 0.3, 0.4], ...changes };
}
function v2(outputs: readonly Fields[] = [output()], changes: Fields = {}): string {
  return JSON.stringify({ model_name: 'rose', id: 'a', outputs, ...changes });
}
const v1 = (predictions: unknown, more: Fields = {}): string => JSON.stringify({ predictions, ...more });
const float32 = (values: readonly number[]): number[] => values.map((value) => Math.fround(value));
const second = { name: 'probability', datatype: 'FP64', shape: [1], data: [0.5] };

/** Two responses to one request, and the expected code. Undefined means alike. */
const CASES: readonly (readonly [
  what: string,
  before: string,
  after: string,
  code: string | undefined,
  words?: RegExp,
])[] = [
  ['the same text', v2(), v2(), undefined],
  [
    'the same text with NaN as Python writes it, which is not JSON',
    '{"predictions":[NaN]}',
    '{"predictions":[NaN]}',
    undefined,
  ],
  [
    'another id and version',
    v2(),
    v2([output()], { id: 'b', model_version: '7', parameters: { x: 1 } }),
    undefined,
  ],
  [
    'nested and flat data',
    v2(),
    v2([
      output({
        data: [
          [0.1, 0.2],
          [0.3, 0.4],
        ],
      }),
    ]),
    undefined,
  ],
  [
    'numbers of float32 with the same datatype',
    v2(),
    v2([output({ data: float32([0.1, 0.2, 0.3, 0.4]) })]),
    undefined,
  ],
  [
    'numbers a thousandth apart',
    v2(),
    v2([output({ data: [0.1, 0.2, 0.3, 0.4004] })]),
    'ValuesDiffer',
    /output predict\[3\] is 0\.4 before, 0\.4004 now/,
  ],
  [
    'another datatype, with numbers within the tolerance',
    v2(),
    v2([output({ datatype: 'FP32', data: float32([0.1, 0.2, 0.3, 0.4]) })]),
    'DatatypeDiffers',
    /FP64 before, FP32 now/,
  ],
  [
    'another shape with the same count',
    v2(),
    v2([output({ shape: [4] })]),
    'ShapeDiffers',
    /\[2,2\] before, \[4\] now/,
  ],
  ['fewer numbers than before', v2(), v2([output({ data: [0.1] })]), 'ShapeDiffers'],
  [
    'outputs in another order',
    v2([output(), second]),
    v2([second, output()]),
    'OrderDiffers',
    /predict, probability before, probability, predict now/,
  ],
  ['an output with another name', v2(), v2([output({ name: 'other' })]), 'OutputsDiffer'],
  ['an additional output', v2(), v2([output(), second]), 'OutputsDiffer'],
  ['another model', v2(), v2([output()], { model_name: 'tulip' }), 'ModelNameDiffers'],
  [
    'another class',
    v2([output({ datatype: 'INT64', data: [1] })]),
    v2([output({ datatype: 'INT64', data: [2] })]),
    'ValuesDiffer',
  ],
  [
    'a large whole number one apart',
    v2([output({ datatype: 'INT64', data: [10_000_000] })]),
    v2([output({ datatype: 'INT64', data: [10_000_001] })]),
    'ValuesDiffer',
  ],
  [
    'another text',
    v2([output({ datatype: 'BYTES', data: ['rose'] })]),
    v2([output({ datatype: 'BYTES', data: ['tulip'] })]),
    'ValuesDiffer',
  ],
  ['v1: the same classes', v1([0, 1, 2]), v1([0, 1, 2]), undefined],
  ['v1: integers and floats', v1([1, 2.0000001]), v1([1.0000001, 2]), undefined],
  ['v1: another class', v1([0, 1, 2]), v1([0, 2, 2]), 'ValuesDiffer', /predictions\[1\] is 1 before, 2 now/],
  ['v1: another order', v1([0, 1, 2]), v1([2, 1, 0]), 'ValuesDiffer'],
  [
    'v1: another number of predictions',
    v1([0, 1]),
    v1([0]),
    'ShapeDiffers',
    /predictions has 2 entries before, 1 now/,
  ],
  ['v1: a list instead of a number', v1([0]), v1([[0]]), 'ShapeDiffers'],
  ['v1: null instead of a number', v1([0.5]), v1([null]), 'ValuesDiffer'],
  [
    'v1: fields in another order, which JSON ignores',
    '{"predictions":[{"a":1,"b":2}]}',
    '{"predictions":[{"b":2,"a":1}]}',
    undefined,
  ],
  ['v1: another field', v1([{ a: 1 }]), v1([{ b: 1 }]), 'OutputsDiffer'],
  [
    'v1: a field named __proto__',
    '{"predictions":[{"__proto__":1}]}',
    '{"predictions":[{"__proto__":2}]}',
    'ValuesDiffer',
  ],
  ['v1 before, v2 now', v1([0]), v2(), 'OutputsDiffer'],
  ['v2 before, v1 now', v2(), v1([0]), 'ModelNameDiffers'],
  ['no JSON now', v1([0]), 'Bad Gateway', 'NotJson', /now is not JSON/],
  ['nothing before', '', v1([0]), 'NotJson', /before is not JSON/],
  ['tiny numbers that float32 rounds', v1([1e-12]), v1([2e-12]), undefined],
  ['small numbers that differ by half', v1([1e-4]), v1([1.5e-4]), 'ValuesDiffer'],
  ['the other sign', v1([0.5]), v1([-0.5]), 'ValuesDiffer'],
];

describe('the difference between two responses', () => {
  it.each(CASES)('%s', (_what, before, after, code, words = /./) => {
    const tolerance = 1e-5 as Tolerance;
    const found = answerDifference({ status: 200, text: before }, { status: 200, text: after }, tolerance);
    expect(found?.code).toBe(code);
    if (found !== undefined) expect(found.message).toMatch(words);
    // The result is symmetric, and a response equals itself.
    const back = answerDifference({ status: 200, text: after }, { status: 200, text: before }, tolerance);
    expect(back === undefined).toBe(found === undefined);
    expect(
      answerDifference({ status: 200, text: before }, { status: 200, text: before }, tolerance),
    ).toBeUndefined();
  });

  it.each([
    [200, 404, 'StatusDiffers'],
    [500, 200, 'StatusDiffers'],
    [400, 400, 'RequestRefused'],
  ])('status %i before and %i now', (before, after, code) => {
    const found = answerDifference(
      { status: before, text: '{}' },
      { status: after, text: '{}' },
      1e-5 as Tolerance,
    );
    expect(found?.code).toBe(code);
  });

  it('uses the given tolerance', () => {
    const compared = (tolerance: number) =>
      answerDifference(
        { status: 200, text: v1([1.5]) },
        { status: 200, text: v1([1.5015]) },
        tolerance as Tolerance,
      )?.code;
    expect([compared(0.0011), compared(0.0009), compared(0)]).toEqual([
      undefined,
      'ValuesDiffer',
      'ValuesDiffer',
    ]);
  });
});
