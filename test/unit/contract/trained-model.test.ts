import { describe, expect, it } from '@jest/globals';
import { bytes } from '../../../src/lib/quantity.ts';
import { inferenceServiceOf, readTrainedModel } from '../../../src/contract/trained-model.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';

const model = (name: string, { spec, ...change }: { memory?: unknown; spec?: object } = {}) =>
  ({
    metadata: { name },
    spec: {
      inferenceService: 'sk',
      model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Gi', ...change, ...spec },
    },
  }) as TrainedModel;

describe('a TrainedModel that can be served', () => {
  it.each([
    { name: 'a plain name', good: model('m1'), memory: '1Gi', size: 1024 ** 3 },
    { name: 'dashes and digits', good: model('0-a_B'), memory: '1Gi', size: 1024 ** 3 },
    { name: 'a property name of JavaScript', good: model('__proto__'), memory: '1Gi', size: 1024 ** 3 },
    { name: 'memory as a number', good: model('m', { memory: 1024 }), memory: '1024', size: 1024 },
    { name: 'memory as a fraction, rounded up', good: model('m', { memory: '1.5' }), memory: '1.5', size: 2 },
    { name: 'no memory at all', good: model('m', { memory: '0' }), memory: '0', size: 0 },
  ])('$name', ({ good, memory, size }) => {
    const modelSpec = { storageUri: 's3://b/m', framework: 'sklearn', memory };
    expect(readTrainedModel(good)).toEqual({
      kind: 'usable',
      entry: { modelName: good.metadata.name, modelSpec },
      memory: bytes(size),
    });
  });
});

describe('a TrainedModel that cannot be served', () => {
  it.each([
    { name: 'a dot in the name', bad: model('a.b'), reason: 'InvalidName', reported: 'a.b' },
    { name: 'an empty name', bad: model(''), reason: 'InvalidName', reported: 'letters' },
    { name: 'a slash in the name', bad: model('../a'), reason: 'InvalidName', reported: '../a' },
    { name: 'a newline after the name', bad: model('a\n'), reason: 'InvalidName', reported: 'letters' },
    { name: 'negative memory', bad: model('x', { memory: '-1Gi' }), reason: 'InvalidSpec', reported: '-1Gi' },
    {
      name: 'memory that is not a quantity',
      bad: model('x', { memory: 'much' }),
      reason: 'InvalidSpec',
      reported: 'much',
    },
    {
      name: 'memory without digits',
      bad: model('x', { memory: 'Gi' }),
      reason: 'InvalidSpec',
      reported: 'Gi',
    },
    { name: 'memory null', bad: model('x', { memory: null }), reason: 'InvalidSpec', reported: 'memory' },
    {
      name: 'an array as memory',
      bad: model('x', { memory: [] }),
      reason: 'InvalidSpec',
      reported: 'memory',
    },
    { name: 'memory NaN', bad: model('x', { memory: NaN }), reason: 'InvalidSpec', reported: 'memory' },
    {
      name: 'a URI longer than any store supports',
      bad: model('x', { spec: { storageUri: `s3://b/${'m'.repeat(1_200_000)}` } }),
      reason: 'InvalidSpec',
      reported: 'longer than 4096',
    },
    {
      name: 'an invalid name of a framework',
      bad: model('x', { spec: { framework: 'f'.repeat(1_200_000) } }),
      reason: 'InvalidSpec',
      reported: 'longer than 253',
    },
    {
      name: 'memory of a million digits',
      bad: model('x', { memory: '9'.repeat(1_200_000) }),
      reason: 'InvalidSpec',
      reported: '999',
    },
    {
      name: 'no URI',
      bad: model('x', { spec: { storageUri: undefined } }),
      reason: 'InvalidSpec',
      reported: 'storageUri',
    },
    {
      name: 'an empty URI',
      bad: model('x', { spec: { storageUri: '' } }),
      reason: 'InvalidSpec',
      reported: 'storageUri',
    },
    {
      name: 'a URI that is not a string',
      bad: model('x', { spec: { storageUri: {} } }),
      reason: 'InvalidSpec',
      reported: 'storageUri',
    },
    {
      name: 'no framework',
      bad: model('x', { spec: { framework: null } }),
      reason: 'InvalidSpec',
      reported: 'framework',
    },
    {
      name: 'no model',
      bad: { metadata: { name: 'x' }, spec: { inferenceService: 'sk' } },
      reason: 'InvalidSpec',
      reported: 'storageUri',
    },
    {
      name: 'model null',
      bad: { metadata: { name: 'x' }, spec: { model: null } } as unknown as TrainedModel,
      reason: 'InvalidSpec',
      reported: 'storageUri',
    },
    { name: 'no spec', bad: { metadata: { name: 'x' } }, reason: 'InvalidSpec', reported: 'storageUri' },
  ])('$name: $reason', ({ bad, reason, reported }) => {
    expect(readTrainedModel(bad)).toEqual({
      kind: 'unusable',
      reason,
      message: expect.stringContaining(reported),
    });
  });
});

it.each([
  { spec: { inferenceService: 'sk' }, name: 'sk' },
  { spec: { inferenceService: '' }, name: undefined },
  { spec: { inferenceService: 7 }, name: undefined },
  { spec: {}, name: undefined },
  { spec: undefined, name: undefined },
])('a TrainedModel with $spec requests $name', ({ spec, name }) => {
  expect(inferenceServiceOf({ metadata: { name: 'm' }, ...(spec === undefined ? {} : { spec }) })).toBe(name);
});
