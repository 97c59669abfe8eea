import { describe, expect, it } from '@jest/globals';
import type { ModelConfigEntry } from '../../../src/contract/model-config.ts';
import {
  byteLength,
  decodeModelConfig,
  EMPTY_MODEL_CONFIG,
  encodedSize,
  encodeModelConfig,
  meansSameModels,
  meansSameSpec,
} from '../../../src/contract/model-config.ts';
import { SEEDS, seededRandom } from './seeded-random.ts';

const spec = { storageUri: 's3://bucket/m1', framework: 'sklearn', memory: '1Gi' };
const entry = (modelName: string, change: Partial<typeof spec> = {}): ModelConfigEntry => ({
  modelName,
  modelSpec: { ...spec, ...change },
});
/** Escapes `&`, `<` and `>` as Go's encoding/json does. */
const goEscaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);

describe('encode', () => {
  it('writes the contract, field by field', () => {
    expect(encodeModelConfig([entry('m1')])).toBe(
      '[{"modelName":"m1","modelSpec":{"storageUri":"s3://bucket/m1","framework":"sklearn","memory":"1Gi"}}]',
    );
  });

  it('writes no models as []', () => {
    expect(encodeModelConfig([])).toBe('[]');
    expect(EMPTY_MODEL_CONFIG).toBe('[]');
  });

  it('sorts by name, by code unit, independent of the locale', () => {
    const names = decodeModelConfig(
      encodeModelConfig(['b', 'a', 'B', 'a-1', 'a1', 'a_1', '10', '9'].map((name) => entry(name))),
    ).models.map(({ modelName }) => modelName);
    expect(names).toEqual(['10', '9', 'B', 'a', 'a-1', 'a1', 'a_1', 'b']);
  });

  it('does not change the list it is given', () => {
    const entries = Object.freeze([entry('b'), entry('a')]);
    encodeModelConfig(entries);
    expect(entries.map(({ modelName }) => modelName)).toEqual(['b', 'a']);
  });

  it('drops fields that are not part of the contract', () => {
    const extra = { ...entry('m'), note: 'x', modelSpec: { ...spec, note: 'y' } };
    expect(encodeModelConfig([extra])).toBe(encodeModelConfig([entry('m')]));
  });

  it.each([
    { memory: '1024Mi', written: '1Gi' },
    { memory: '0.5Gi', written: '512Mi' },
    { memory: '1e3', written: '1e3' },
    { memory: '1000000', written: '1M' },
    { memory: '0', written: '0' },
    { memory: 'much', written: 'much' },
  ])('memory $memory is written $written', ({ memory, written }) => {
    expect(JSON.parse(encodeModelConfig([entry('m', { memory })]))[0].modelSpec.memory).toBe(written);
  });

  it.each(['"', '\\', '\n', '\u0000', '\u2028', '</script>', 'ü', '日本', '🙂', '\ud800', '&<>', "'"])(
    'decodes a URI with %j',
    (odd) => {
      const models = [entry('m', { storageUri: `s3://b/${odd}/x` })];
      expect(decodeModelConfig(encodeModelConfig(models))).toEqual({ models, faults: [] });
    },
  );
});

describe('sizes are in bytes of UTF-8', () => {
  it.each([
    { text: '', size: 0 },
    { text: 'abc', size: 3 },
    { text: 'ü', size: 2 },
    { text: '日', size: 3 },
    { text: '🙂', size: 4 },
  ])('$text is $size', ({ text, size }) => {
    expect(byteLength(text)).toBe(size);
  });

  it('the entries with their commas, plus one byte, add up to the size of the text', () => {
    const entries = [entry('a'), entry('b', { storageUri: 's3://b/ü🙂"' }), entry('c', { memory: '1024Mi' })];
    const sum = entries.reduce((total, one) => total + encodedSize(one), 0);
    expect(byteLength(encodeModelConfig(entries))).toBe(1 + sum);
  });
});

describe('decode', () => {
  const one = { modelName: 'm', modelSpec: spec };
  const without = (object: object, field: string) =>
    Object.fromEntries(Object.entries(object).filter(([name]) => name !== field));
  const specOf = (change: object) => ({ modelName: 'm', modelSpec: { ...spec, ...change } });

  it.each([
    { name: 'no models', value: [], models: [] },
    { name: 'one model', value: [one], models: [entry('m')] },
    {
      name: 'keeps the order of the text',
      value: [{ ...one, modelName: 'z' }, one],
      models: [entry('z'), entry('m')],
    },
    { name: 'unknown fields', value: [{ ...one, x: 1, modelSpec: { ...spec, y: 2 } }], models: [entry('m')] },
    {
      name: 'memory as a number',
      value: [specOf({ memory: 1024 })],
      models: [entry('m', { memory: '1024' })],
    },
    {
      name: 'an empty framework',
      value: [specOf({ framework: '' })],
      models: [entry('m', { framework: '' })],
    },
  ])('accepts $name', ({ value, models }) => {
    for (const text of [
      JSON.stringify(value),
      JSON.stringify(value, null, 2),
      ` \n${JSON.stringify(value)}\n`,
    ]) {
      expect(decodeModelConfig(text)).toEqual({ models, faults: [] });
    }
  });

  it.each([
    { name: 'empty text', text: '', path: '' },
    { name: 'blank text', text: ' \n', path: '' },
    { name: 'no JSON', text: 'models: []', path: '' },
    { name: 'cut off', text: '[{"modelName":"m"', path: '' },
    { name: 'trailing text', text: '[] []', path: '' },
    { name: 'an object', text: '{}', path: '' },
    { name: 'null', text: 'null', path: '' },
    { name: 'text', text: '"[]"', path: '' },
    { name: 'an entry that is null', text: '[null]', path: '[0]' },
    { name: 'an entry that is a list', text: '[[]]', path: '[0]' },
    { name: 'an entry that is text', text: '["m"]', path: '[0]' },
    { name: 'no name', text: JSON.stringify([without(one, 'modelName')]), path: '[0].modelName' },
    { name: 'an empty name', text: JSON.stringify([{ ...one, modelName: '' }]), path: '[0].modelName' },
    {
      name: 'a name that is a number',
      text: JSON.stringify([{ ...one, modelName: 1 }]),
      path: '[0].modelName',
    },
    { name: 'no spec', text: '[{"modelName":"m"}]', path: '[0].modelSpec' },
    { name: 'a spec that is null', text: '[{"modelName":"m","modelSpec":null}]', path: '[0].modelSpec' },
    { name: 'a spec that is a list', text: '[{"modelName":"m","modelSpec":[]}]', path: '[0].modelSpec' },
    ...['storageUri', 'framework', 'memory'].flatMap((field) => [
      {
        name: `no ${field}`,
        text: JSON.stringify([{ ...one, modelSpec: without(spec, field) }]),
        path: `[0].modelSpec.${field}`,
      },
      {
        name: `${field} null`,
        text: JSON.stringify([specOf({ [field]: null })]),
        path: `[0].modelSpec.${field}`,
      },
      {
        name: `${field} an object`,
        text: JSON.stringify([specOf({ [field]: {} })]),
        path: `[0].modelSpec.${field}`,
      },
    ]),
    {
      name: 'an empty URI',
      text: JSON.stringify([specOf({ storageUri: '' })]),
      path: '[0].modelSpec.storageUri',
    },
    {
      name: 'memory that is not a quantity',
      text: JSON.stringify([specOf({ memory: 'much' })]),
      path: '[0].modelSpec.memory',
    },
    { name: 'memory true', text: JSON.stringify([specOf({ memory: true })]), path: '[0].modelSpec.memory' },
    { name: 'excessive nesting', text: '['.repeat(100_000), path: '' },
  ])('reports the path of $name', ({ text, path }) => {
    const { models, faults } = decodeModelConfig(text);
    expect(models).toEqual([]);
    expect(faults.map((fault) => fault.path)).toEqual([path]);
    expect(faults[0]?.message).toMatch(/\w+ \w+/);
  });

  it('keeps the valid entries, and reports the path of every invalid one', () => {
    const text = JSON.stringify([one, null, { ...one, modelName: 'n' }, specOf({ memory: 'x' })]);
    const { models, faults } = decodeModelConfig(text);
    expect(models).toEqual([entry('m'), entry('n')]);
    expect(faults.map(({ path }) => path)).toEqual(['[1]', '[3].modelSpec.memory']);
  });

  it('keeps the first of two entries with the same name', () => {
    const { models, faults } = decodeModelConfig(
      JSON.stringify([one, specOf({ framework: 'xgboost' }), specOf({ framework: 'onnx' })]),
    );
    expect(models).toEqual([entry('m')]);
    expect(faults).toEqual([
      { path: '[1].modelName', message: expect.stringContaining('m ') },
      { path: '[2].modelName', message: expect.stringContaining('m ') },
    ]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('accepts the name %s', (name) => {
    const models = [entry(name), entry('other')];
    const text = encodeModelConfig(models);
    const { models: read, faults } = decodeModelConfig(text);
    expect(read.map(({ modelName }) => modelName).sort()).toEqual([name, 'other'].sort());
    expect(faults).toEqual([]);
    expect(meansSameModels(text, models)).toBe(true);
    expect(meansSameModels('[]', [entry(name)])).toBe(false);
  });

  it('a __proto__ field has no effect', () => {
    const text = '[{"__proto__":{"modelName":"m"},"modelSpec":{"__proto__":{"storageUri":"s3://b/m"}}}]';
    expect(decodeModelConfig(text).models).toEqual([]);
    expect(Object.hasOwn(Object.prototype, 'modelName')).toBe(false);
  });
});

describe('whether it means the same models', () => {
  const models = [entry('a', { storageUri: 'https://h/?x=1&y=<2>' }), entry('b')];
  const text = encodeModelConfig(models);
  const raw = (change: (entries: unknown[]) => unknown) =>
    JSON.stringify(change(JSON.parse(text) as unknown[]));

  it.each([
    { name: 'the same text', text, same: true },
    { name: 'another order', text: raw((e) => e.reverse()), same: true },
    { name: 'spacing', text: JSON.stringify(JSON.parse(text), null, '\t'), same: true },
    { name: "Go's escapes", text: goEscaped(text), same: true },
    { name: 'memory in another unit', text: text.replaceAll('1Gi', '1024Mi'), same: true },
    { name: 'memory as a number', text: text.replaceAll('"1Gi"', '1073741824'), same: true },
    {
      name: 'unknown fields',
      text: text.replaceAll('"modelName"', '"later":{"x":[1]},"modelName"'),
      same: true,
    },
    { name: 'one missing', text: raw((e) => e.slice(1)), same: false },
    { name: 'one more', text: encodeModelConfig([...models, entry('c')]), same: false },
    { name: 'one replaced by another', text: encodeModelConfig([models[0]!, entry('c')]), same: false },
    { name: 'one duplicated', text: raw((e) => [...e, e[0]]), same: false },
    { name: 'one duplicated instead of the other', text: raw((e) => [e[0], e[0]]), same: false },
    { name: 'another URI', text: text.replace('s3://bucket/m1', 's3://bucket/m2'), same: false },
    { name: 'another framework', text: text.replace('sklearn', 'xgboost'), same: false },
    { name: 'other memory', text: text.replace('1Gi', '1G'), same: false },
    { name: 'an invalid entry', text: raw((e) => [...e, null]), same: false },
    { name: 'no JSON', text: `${text}]`, same: false },
    { name: 'nothing', text: '', same: false },
  ])('$name: $same', ({ text: stored, same }) => {
    expect(meansSameModels(stored, models)).toBe(same);
  });

  it('no models are []', () => {
    expect(meansSameModels(' [ ] ', [])).toBe(true);
    expect(meansSameModels('[]', models)).toBe(false);
    expect(meansSameModels(text, [])).toBe(false);
  });

  it.each([
    { a: '1Gi', b: '1024Mi', same: true },
    { a: '1Gi', b: '1073741824', same: true },
    { a: '1Gi', b: '1G', same: false },
    { a: 'much', b: 'much', same: true },
    { a: 'much', b: 'more', same: false },
    { a: 'much', b: '1Gi', same: false },
  ])('memory $a and $b: $same', ({ a, b, same }) => {
    expect(meansSameSpec({ ...spec, memory: a }, { ...spec, memory: b })).toBe(same);
  });
});

describe.each(SEEDS)('a random set of models, seed %i', (seed) => {
  const random = seededRandom(seed);
  const characters = [
    'a',
    'B',
    '_',
    '-',
    '0',
    '9',
    '.',
    '"',
    '\\',
    '&',
    '<',
    'ü',
    '🙂',
    ' ',
    '\n',
    '__proto__',
  ];
  const text = (length: number) =>
    Array.from({ length: 1 + random.integer(length) }, () => random.pick(characters)).join('');
  const names = [...new Set(Array.from({ length: random.integer(30) }, () => text(6)))];
  const models = names.map((name) =>
    entry(name, {
      storageUri: `s3://${text(20)}`,
      framework: random.pick(['sklearn', 'xgboost', '']),
      memory: `${random.integer(5000)}${random.pick(['', 'Mi', 'Gi', 'M', 'm', 'e3'])}`,
    }),
  );

  it('is decoded to the same models, in any order', () => {
    const encoded = encodeModelConfig(models);
    expect(decodeModelConfig(encoded).faults).toEqual([]);
    expect(meansSameModels(encoded, models)).toBe(true);
    expect(encodeModelConfig(random.shuffle(models))).toBe(encoded);
    expect(encodeModelConfig(decodeModelConfig(encoded).models)).toBe(encoded);
    expect(meansSameModels(goEscaped(JSON.stringify(random.shuffle(models))), models)).toBe(true);
    if (models.length > 0) expect(meansSameModels(encodeModelConfig(models.slice(1)), models)).toBe(false);
  });
});

describe('1 MiB of text that is not a list of models', () => {
  const times = (count: number, text: string): string => text.repeat(count);

  it.each([
    ['nested without end', times(1_000_000, '[')],
    ['nested and closed', times(400_000, '[') + times(400_000, ']')],
    ['of empty objects', `[${times(300_000, '{},')}{}]`],
    ['of numbers', `[${times(500_000, '1,')}1]`],
    ['of names', `[{${times(200_000, '"":1,')}"":1}]`],
  ])('is not parsed: %s', (_how, text) => {
    const { models, faults } = decodeModelConfig(text);
    expect(models).toEqual([]);
    expect(faults).toEqual([{ path: '', message: expect.stringContaining('not a list of models') }]);
  });

  it('is reported by its first faults', () => {
    const { models, faults } = decodeModelConfig(
      `[${encodeModelConfig([entry('m')]).slice(1, -1)},${times(9_000, '{},')}{}]`,
    );
    expect(models.map(({ modelName }) => modelName)).toEqual(['m']);
    expect(faults).toHaveLength(100);
  });

  it('is parsed when it is one, whatever its strings contain', () => {
    const storageUri = `s3://b/${times(500, '[{,"\\')}`;
    const entries = Array.from({ length: 300 }, (_, index) => entry(`m${index}`, { storageUri }));
    const short = { storageUri: 'b', framework: 'c', memory: '1' };
    const most = Array.from({ length: 13_000 }, (_, index) => ({
      modelName: String(index),
      modelSpec: short,
    }));
    for (const all of [entries, most]) {
      const text = encodeModelConfig(all);
      expect(decodeModelConfig(text).faults).toEqual([]);
      expect(meansSameModels(text, all)).toBe(true);
    }
  });
});
