import { describe, expect, it } from '@jest/globals';
import { IMPLEMENTATION_FIELDS } from '../../../src/contract/inference-service.ts';
import type { Predictor } from '../../../src/contract/inference-service.ts';
import { describeMmsDecision, isMMSPredictor } from '../../../src/contract/mms-predictor.ts';

/** Predictors come from clusters whose CRD may allow any value, so the rows are not typed. */
interface Row {
  readonly name: string;
  readonly predictor: unknown;
  readonly isMms: boolean;
  /** `code` or `code:field`. */
  readonly reasons: readonly string[];
}

const yes = (name: string, predictor: unknown, ...reasons: string[]): Row => ({
  name,
  predictor,
  isMms: true,
  reasons,
});
const no = (name: string, predictor: unknown, ...reasons: string[]): Row => ({
  name,
  predictor,
  isMms: false,
  reasons,
});

const custom = (...env: unknown[]) => ({ containers: [{ name: 'kserve-container', env }] });
const optIn = { name: 'MULTI_MODEL_SERVER', value: 'true' };

const customPredictors: readonly Row[] = [
  yes('MULTI_MODEL_SERVER is "true"', custom(optIn), 'CustomPredictorOptsIn'),
  yes('behind another variable', custom({ name: 'A', value: '1' }, optIn), 'CustomPredictorOptsIn'),
  yes(
    'given twice, once "true"',
    custom({ name: 'MULTI_MODEL_SERVER', value: 'false' }, optIn),
    'CustomPredictorOptsIn',
  ),
  ...['True', 'TRUE', '1', 'yes', ' true', 'true ', 'false', ''].map((value) =>
    no(
      `MULTI_MODEL_SERVER is ${JSON.stringify(value)}`,
      custom({ name: 'MULTI_MODEL_SERVER', value }),
      'CustomPredictorDoesNotOptIn',
    ),
  ),
  no('the variable without a value', custom({ name: 'MULTI_MODEL_SERVER' }), 'CustomPredictorDoesNotOptIn'),
  no(
    'the value from elsewhere',
    custom({ name: 'MULTI_MODEL_SERVER', valueFrom: { configMapKeyRef: { name: 'c', key: 'true' } } }),
    'CustomPredictorDoesNotOptIn',
  ),
  no(
    'the name in lower case',
    custom({ name: 'multi_model_server', value: 'true' }),
    'CustomPredictorDoesNotOptIn',
  ),
  no('a boolean', custom({ name: 'MULTI_MODEL_SERVER', value: true }), 'CustomPredictorDoesNotOptIn'),
  no('no variables', custom(), 'CustomPredictorDoesNotOptIn'),
  no('no env', { containers: [{ name: 'kserve-container' }] }, 'CustomPredictorDoesNotOptIn'),
  no('env is null', { containers: [{ name: 'c', env: null }] }, 'CustomPredictorDoesNotOptIn'),
  no(
    'only the second container opts in',
    {
      containers: [{ name: 'kserve-container' }, { name: 'other', env: [optIn] }],
    },
    'CustomPredictorDoesNotOptIn',
  ),
  yes(
    'nothing else is looked at',
    {
      ...custom(optIn),
      huggingface: { storageUri: 's3://b/m' },
      model: { modelFormat: { name: 'huggingface' }, storage: { key: 'k' } },
      storageUris: [{ uri: 's3://b/m' }],
    },
    'CustomPredictorOptsIn',
  ),
  no('a framework beside it does not help', { ...custom(), sklearn: {} }, 'CustomPredictorDoesNotOptIn'),
];

const frameworks = IMPLEMENTATION_FIELDS.filter((field) => field !== 'huggingface');
const everyFramework: readonly Row[] = frameworks.flatMap((field) => [
  yes(`${field}, empty`, { [field]: {} }, `NoStorage:${field}`),
  yes(`${field} with settings`, { [field]: { runtimeVersion: '1', resources: {} } }, `NoStorage:${field}`),
  yes(`${field}, storageUri null`, { [field]: { storageUri: null } }, `NoStorage:${field}`),
  yes(`${field}, storageUri empty`, { [field]: { storageUri: '' } }, `NoStorage:${field}`),
  yes(`${field}, storage null`, { [field]: { storage: null } }, `NoStorage:${field}`),
  yes(`${field}, storageUris empty`, { [field]: {}, storageUris: [] }, `NoStorage:${field}`),
  yes(`${field}, storageUris null`, { [field]: {}, storageUris: null }, `NoStorage:${field}`),
  yes(`${field}, containers empty`, { [field]: {}, containers: [] }, `NoStorage:${field}`),
  yes(`${field}, containers null`, { [field]: {}, containers: null }, `NoStorage:${field}`),
  no(`${field}, storageUri`, { [field]: { storageUri: 's3://b/m' } }, `HasStorageUri:${field}`),
  no(`${field}, storage`, { [field]: { storage: { key: 'k', path: 'm' } } }, `HasStorage:${field}`),
  no(`${field}, storage without fields`, { [field]: { storage: {} } }, `HasStorage:${field}`),
  no(`${field}, storageUris`, { [field]: {}, storageUris: [{ uri: 's3://b/m' }] }, 'HasStorageUris'),
  no(
    `${field}, every spelling of storage: every reason`,
    { [field]: { storageUri: 's3://b/m', storage: {} }, storageUris: [{}] },
    `HasStorageUri:${field}`,
    `HasStorage:${field}`,
    'HasStorageUris',
  ),
]);

/** Each pair of neighbours in KServe's order. The first has no storageUri, so the second must be ignored. */
const inOrder: readonly Row[] = frameworks.slice(1).flatMap((second, index) => {
  const first = frameworks[index]!;
  const held = { storageUri: 's3://b/m' };
  return [
    yes(`${first} stands before ${second}`, { [second]: held, [first]: {} }, `NoStorage:${first}`),
    no(`${second} does not excuse ${first}`, { [second]: {}, [first]: held }, `HasStorageUri:${first}`),
    yes(`${first} null leaves it to ${second}`, { [first]: null, [second]: {} }, `NoStorage:${second}`),
  ];
});

const format = (name: unknown) => ({ model: { modelFormat: { name } } });
const huggingFace: readonly Row[] = [
  no('the huggingface field', { huggingface: {} }, 'HuggingFace:huggingface'),
  no(
    'with storage too: both reasons',
    { huggingface: { storageUri: 's3://b/m' } },
    'HuggingFace:huggingface',
    'HasStorageUri:huggingface',
  ),
  no('model format huggingface', format('huggingface'), 'HuggingFace:model'),
  no('beside an earlier framework', { sklearn: {}, huggingface: {} }, 'HuggingFace:huggingface'),
  no(
    'as a model beside an earlier framework',
    { sklearn: {}, ...format('huggingface') },
    'HuggingFace:model',
  ),
  yes('the field is null', { huggingface: null, model: {} }, 'NoStorage:model'),
  yes('another format', format('sklearn'), 'NoStorage:model'),
  yes('another spelling is another format', format('HuggingFace'), 'NoStorage:model'),
  yes('a format without a name', { model: { modelFormat: {} } }, 'NoStorage:model'),
  yes('format null', { model: { modelFormat: null } }, 'NoStorage:model'),
];

const nothingThere: readonly Row[] = [
  no('no predictor', undefined, 'NoPredictor'),
  no('predictor null', null, 'NoPredictor'),
  no('an empty predictor', {}, 'NoImplementation'),
  no('no containers, no framework', { containers: [], minReplicas: 1 }, 'NoImplementation'),
  no('every framework null', Object.fromEntries(frameworks.map((f) => [f, null])), 'NoImplementation'),
  no('an unknown framework', { caffe: {} }, 'NoImplementation'),
  no('storageUris alone', { storageUris: [{ uri: 's3://b/m' }] }, 'NoImplementation'),
];

const junk: readonly Row[] = [
  no('predictor is text', 'sklearn', 'NoPredictor'),
  no('predictor is a number', 7, 'NoPredictor'),
  no('predictor is a list', [{ sklearn: {} }], 'NoPredictor'),
  no('framework is text', { sklearn: 'yes' }, 'NoImplementation'),
  no('framework is a list', { sklearn: [] }, 'NoImplementation'),
  no('framework is true', { sklearn: true }, 'NoImplementation'),
  yes('a junk framework does not hide the next', { xgboost: 'yes', sklearn: {} }, 'NoStorage:sklearn'),
  no('storageUri is a number', { sklearn: { storageUri: 7 } }, 'HasStorageUri:sklearn'),
  no('storage is text', { sklearn: { storage: 's3' } }, 'HasStorage:sklearn'),
  yes('storageUris is no list', { sklearn: {}, storageUris: {} }, 'NoStorage:sklearn'),
  yes('format is text', { model: { modelFormat: 'huggingface' } }, 'NoStorage:model'),
  yes('containers is an object', { containers: {}, sklearn: {} }, 'NoStorage:sklearn'),
  yes('containers is text', { containers: 'abc', sklearn: {} }, 'NoStorage:sklearn'),
  no('a container is null', { containers: [null] }, 'CustomPredictorDoesNotOptIn'),
  no('a container is text', { containers: ['c'] }, 'CustomPredictorDoesNotOptIn'),
  no(
    'env is an object',
    { containers: [{ env: { MULTI_MODEL_SERVER: 'true' } }] },
    'CustomPredictorDoesNotOptIn',
  ),
  no('env is text', { containers: [{ env: 'MULTI_MODEL_SERVER=true' }] }, 'CustomPredictorDoesNotOptIn'),
  yes('env holds null and text', custom(null, 'x', 7, optIn), 'CustomPredictorOptsIn'),
  no('__proto__ as a framework', JSON.parse('{"__proto__":{"sklearn":{}}}'), 'NoImplementation'),
  no('constructor as a framework', { constructor: {} }, 'NoImplementation'),
];

describe.each([
  { group: 'custom predictors', rows: customPredictors },
  { group: 'every framework', rows: everyFramework },
  { group: 'the first implementation counts', rows: inOrder },
  { group: 'huggingface', rows: huggingFace },
  { group: 'nothing to serve', rows: nothingThere },
  { group: 'junk', rows: junk },
])('isMMSPredictor: $group', ({ rows }) => {
  it.each(rows)('$name: $isMms', ({ predictor, isMms, reasons }) => {
    const decision = isMMSPredictor(predictor as Predictor | undefined);
    const reported = decision.reasons.map((reason) =>
      'field' in reason ? `${reason.code}:${reason.field}` : reason.code,
    );
    expect({ isMms: decision.isMms, reasons: reported }).toEqual({ isMms, reasons });
    expect(describeMmsDecision(decision)).toMatch(/\w+ .*\w/);
  });
});

it('lists the frameworks in the order in which KServe checks them', () => {
  expect(IMPLEMENTATION_FIELDS).toEqual(
    'xgboost pytorch triton sklearn tensorflow onnx pmml lightgbm paddle huggingface model'.split(' '),
  );
});

it('describes every reason in one sentence', () => {
  const decision = isMMSPredictor({
    huggingface: { storageUri: 's3://b/m', storage: {} },
    storageUris: [{}],
  });
  expect(describeMmsDecision(decision)).toBe(
    'predictor.huggingface is of the huggingface format, which serves a single model; ' +
      'predictor.huggingface.storageUri is set, so it serves that one model; ' +
      'predictor.huggingface.storage is set, so it serves that one model; ' +
      'predictor.storageUris is set, so it serves those models',
  );
});
