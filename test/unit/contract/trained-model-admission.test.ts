import { describe, expect, it } from '@jest/globals';
import type { InferenceService, Predictor } from '../../../src/contract/inference-service.ts';
import { faultsOf, warningsOf } from '../../../src/contract/trained-model-admission.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';

interface Written {
  readonly name?: string;
  readonly meta?: object;
  readonly storageUri?: unknown;
  readonly framework?: unknown;
  readonly memory?: unknown;
  readonly inferenceService?: unknown;
}

const written = ({ name = 'm1', meta = {}, inferenceService = 'sk', ...model }: Written): TrainedModel => ({
  metadata: { name, namespace: 'default', ...meta },
  spec: {
    inferenceService,
    model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Gi', ...model },
  },
});
const codes = (model: Written, previous?: Written, allowMemoryChanges = false): string[] =>
  faultsOf({
    model: written(model),
    previous: previous === undefined ? undefined : written(previous),
    allowMemoryChanges,
  }).map(({ code }) => code);
const message = (model: Written, previous?: Written): string =>
  faultsOf({
    model: written(model),
    previous: previous === undefined ? undefined : written(previous),
    allowMemoryChanges: false,
  })
    .map((fault) => fault.message)
    .join('; ');

const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' };

describe('creating a TrainedModel', () => {
  it.each([
    ['with valid fields', {}, []],
    ['with a name of letters, digits and dashes', { name: 'my-model-2' }, []],
    ['with a dot in its name', { name: 'a.b' }, ['InvalidName']],
    ['with an unknown scheme', { storageUri: 'ftp://h/m' }, ['InvalidStorageUri']],
    ['with a scheme that KServe rejects and the agent supports', { storageUri: 'hf://org/repo' }, []],
    ['without a bucket', { storageUri: 's3://' }, ['InvalidStorageUri']],
    ['with a number for its storageUri', { storageUri: 7 }, ['InvalidStorageUri']],
    ['with negative memory', { memory: '-1Gi' }, ['InvalidMemory']],
    ['with memory beyond the range of a float', { memory: '1e400' }, ['InvalidMemory']],
    ['with memory beyond 2^63 bytes', { memory: '9Ei' }, ['InvalidMemory']],
    ['with exactly 2^63 bytes', { memory: '8Ei' }, ['InvalidMemory']],
    ['with 2^63 bytes in smaller units', { memory: '8192Pi' }, ['InvalidMemory']],
    ['with the largest quantity in Pi below 2^63 bytes', { memory: '8191Pi' }, []],
    ['with zero memory', { memory: '0' }, ['InvalidMemory']],
    ['with memory that is not a quantity', { memory: 'much' }, ['InvalidMemory']],
    ['with memory as a number', { memory: 1024 }, []],
    ['without a framework', { framework: '' }, ['InvalidFramework']],
    ['without an InferenceService', { inferenceService: '' }, ['InvalidInferenceService']],
    [
      'with only invalid fields, all reported at once',
      { name: 'a.b', storageUri: 'x', memory: 0, framework: '', inferenceService: 3 },
      ['InvalidName', 'InvalidStorageUri', 'InvalidMemory', 'InvalidFramework', 'InvalidInferenceService'],
    ],
  ])('%s', (_, model, expected) => {
    expect(codes(model)).toEqual(expected);
  });

  it('is rejected with the messages of KServe where KServe rejects it', () => {
    expect(message({ name: 'a.b' })).toBe(
      "the Trained Model \"a.b\" is invalid: a Trained Model name must consist of alphanumeric characters, '_', or '-'. " +
        '(e.g. "my-Name" or "abc_123", regex used for validation is \'^[a-zA-Z0-9_-]+$\')',
    );
    expect(message({ storageUri: 'ftp://h/m' })).toMatch(
      /^the Trained Model "m1" storageUri field is invalid\. The storage uri must start with one of the prefixes: s3:\/\/, gs:\/\/.*\(the storage uri given is "ftp:\/\/h\/m"\)$/,
    );
    expect(message({ memory: '2Gi' }, { memory: '1024Mi' })).toContain(
      'the Trained Model "m1" memory field is immutable. The memory was "1Gi" but it is updated to "2Gi"',
    );
  });
});

describe('updating a TrainedModel', () => {
  it.each([
    ['its storageUri', { storageUri: 's3://b/m2' }, {}, []],
    ['its storageUri, to an invalid one', { storageUri: 's3://' }, {}, ['InvalidStorageUri']],
    ['its InferenceService', { inferenceService: 'other' }, {}, []],
    ['its memory', { memory: '2Gi' }, {}, ['MemoryImmutable']],
    ['its memory, to the same amount in another unit', { memory: '1024Mi' }, {}, []],
    ['its memory, to a negative amount', { memory: '-1' }, {}, ['InvalidMemory']],
    ['its memory, from an invalid quantity', { memory: '1Gi' }, { memory: 'much' }, []],
    [
      'nothing, with violations from before',
      { name: 'a.b', storageUri: 'x', memory: 0 },
      { name: 'a.b', storageUri: 'x', memory: 0 },
      [],
    ],
    [
      'its finalizers, with violations from before',
      { meta: { finalizers: [] }, memory: '-1' },
      { meta: { finalizers: ['f'] }, memory: '-1' },
      [],
    ],
    [
      'another field than the one with a violation',
      { framework: 'onnx', storageUri: 'x' },
      { storageUri: 'x' },
      [],
    ],
    [
      'any field while it is being deleted',
      { meta: DELETED, memory: '0', storageUri: '' },
      { meta: DELETED },
      [],
    ],
  ])('%s', (_, model, previous, expected) => {
    expect(codes(model, previous)).toEqual(expected);
  });

  it('its memory, if the deployment allows that', () => {
    expect(codes({ memory: '2Gi' }, {}, true)).toEqual([]);
    expect(codes({ memory: '-2Gi' }, {}, true)).toEqual(['InvalidMemory']);
  });
});

describe('the warnings for an admitted model', () => {
  const service = (predictor: Predictor): InferenceService => ({
    metadata: { name: 'sk' },
    spec: { predictor },
  });
  const waiting = { name: 'm1', reason: 'MemoryResourceNotAvailable', message: 'needs 1Gi' } as const;

  it.each([
    ['none when nothing is wrong', service({ sklearn: {} }), undefined, []],
    ['the missing InferenceService', undefined, undefined, ['there is no InferenceService sk']],
    [
      'an InferenceService with storage of its own',
      service({ sklearn: { storageUri: 's3://b' } }),
      undefined,
      ['is not multi-model'],
    ],
    ['the missing memory', service({ sklearn: {} }), waiting, ['MemoryResourceNotAvailable): needs 1Gi']],
    [
      'remarks on the InferenceService',
      service({ sklearn: {} }),
      waiting,
      ['needs 1Gi', 'InferenceService sk: no good'],
      ['no good'],
    ],
  ])('%s', (_, inferenceService, waits, expected, remarks: readonly string[] = []) => {
    const warnings = warningsOf(written({}), { inferenceService, waiting: waits, remarks });
    expect(warnings).toHaveLength(expected.length);
    for (const [index, text] of expected.entries()) expect(warnings[index]).toContain(text);
  });
});

describe('an invalid name of an InferenceService', () => {
  it.each([
    ['other/c1', 'write "c1", or create the model in namespace other'],
    ['Flowers', 'which no InferenceService can be named'],
    ['a b', 'which no InferenceService can be named'],
    ['../sk', 'which no InferenceService can be named'],
    ['sk', 'there is no InferenceService sk in this namespace yet; the model waits for it'],
  ])('%s gets a warning with the reason', (inferenceService, words) => {
    const warnings = warningsOf(written({ inferenceService }), {
      ...{ inferenceService: undefined, waiting: undefined, remarks: [] },
    });
    expect(warnings).toEqual([expect.stringContaining(words)]);
  });
});
