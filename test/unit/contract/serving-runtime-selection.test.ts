import { describe, expect, it } from '@jest/globals';
import type { ModelRequest } from '../../../src/contract/model-request.ts';
import { modelRequestOf } from '../../../src/contract/model-request.ts';
import { readServingRuntime } from '../../../src/contract/serving-runtime.ts';
import type { RuntimeOffer, ServingRuntimeKind } from '../../../src/contract/serving-runtime.ts';
import { selectRuntime } from '../../../src/contract/serving-runtime-selection.ts';

const CONTAINERS = [{ name: 'kserve-container', image: 'server' }];

/** A runtime that serves sklearn and is selected automatically, unless `spec` changes that. */
function runtime(name: string, spec: object = {}, createdAt = '2026-01-01T00:00:00Z'): RuntimeOffer {
  return offer('ClusterServingRuntime', name, spec, createdAt);
}

function offer(
  kind: ServingRuntimeKind,
  name: string,
  spec: object,
  creationTimestamp: string,
): RuntimeOffer {
  const supportedModelFormats = [{ name: 'sklearn', version: '1', autoSelect: true }];
  return readServingRuntime(kind, {
    metadata: { name, creationTimestamp },
    spec: { supportedModelFormats, containers: CONTAINERS, ...spec },
  });
}

const prioritised = (priority?: number) => ({
  supportedModelFormats: [
    { name: 'sklearn', autoSelect: true, ...(priority === undefined ? {} : { priority }) },
  ],
});

const wanted = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  format: { name: 'sklearn', version: undefined },
  runtime: undefined,
  protocol: undefined,
  runtimeVersion: undefined,
  overrides: {},
  ...more,
});

const select = (request: ModelRequest, cluster: RuntimeOffer[], namespaced: RuntimeOffer[] = []) =>
  selectRuntime(request, { namespaced, cluster });

describe('a predictor that names no runtime gets', () => {
  const own = offer('ServingRuntime', 'own', prioritised(), '2020-01-01T00:00:00Z');

  it.each<[string, RuntimeOffer[], RuntimeOffer[], string]>([
    ['the only runtime', [runtime('a')], [], 'a'],
    ['a runtime of its namespace before any cluster runtime', [runtime('a', prioritised(9))], [own], 'own'],
    [
      'the runtime with the highest priority',
      [runtime('a', prioritised(1)), runtime('b', prioritised(2))],
      [],
      'b',
    ],
    ['a runtime with a priority before one without', [runtime('a'), runtime('b', prioritised(1))], [], 'b'],
    [
      'the one with the earlier protocol among equals',
      [
        runtime('a', { protocolVersions: ['grpc-v1', 'v1', 'grpc-v2'] }),
        runtime('b', { protocolVersions: [] }),
        runtime('c', { protocolVersions: ['v1'] }),
      ],
      [],
      'a',
    ],
    ['the newest among equals', [runtime('a'), runtime('b', {}, '2026-02-01T00:00:00Z')], [], 'b'],
    ['the first by name among equals of the same age', [runtime('b'), runtime('a')], [], 'a'],
    ['another when one is disabled', [runtime('a', { disabled: true }), runtime('b')], [], 'b'],
    ['another when one is multi-node', [runtime('a', { workerSpec: {} }), runtime('b')], [], 'b'],
    [
      'another when one is for ModelMesh',
      [runtime('a', { multiModel: true, containers: [{ name: 'mlserver' }] }), runtime('b')],
      [],
      'b',
    ],
    ['a runtime that declares multiModel', [runtime('a', { multiModel: true })], [], 'a'],
    [
      'another when one supports none of its protocols',
      [runtime('a', { protocolVersions: ['v2'] }), runtime('b')],
      [],
      'b',
    ],
  ])('%s', (_, cluster, namespaced, expected) => {
    expect(select(wanted(), cluster, namespaced)).toMatchObject({
      kind: 'selected',
      runtime: { name: expected },
    });
  });

  it.each<[string, RuntimeOffer[], Partial<ModelRequest>, string]>([
    ['there is none', [], {}, 'create a ServingRuntime'],
    [
      'none has the format',
      [runtime('a')],
      { format: { name: 'x', version: undefined } },
      'create a ServingRuntime',
    ],
    [
      'none has the version',
      [runtime('a')],
      { format: { name: 'sklearn', version: '2' } },
      'a does not serve version 2',
    ],
    ['it is disabled', [runtime('a', { disabled: true })], {}, 'a is disabled'],
    [
      'it supports only v2, and v1 is the default',
      [runtime('a', { protocolVersions: ['v2'] })],
      {},
      'speaks only v2 (set protocolVersion)',
    ],
    [
      'it is not selected automatically',
      [runtime('a', { supportedModelFormats: [{ name: 'sklearn' }] })],
      {},
      'name it in spec.predictor.model.runtime',
    ],
    ['it has no model server', [runtime('a', { containers: [] })], {}, 'no container named kserve-container'],
    [
      'many nearly match, of which three are listed',
      ['a', 'b', 'c', 'd', 'e'].map((name) => runtime(name, { disabled: true })),
      {},
      'and 2 more',
    ],
  ])('no runtime and a message, when %s', (_, cluster, more, message) => {
    expect(select(wanted(more), cluster)).toEqual({
      kind: 'none',
      reason: 'NoSupportingRuntime',
      message: expect.stringContaining(message),
    });
  });
});

describe('a predictor that names its runtime', () => {
  const named = (more: Partial<ModelRequest> = {}) => wanted({ runtime: 'a', ...more });

  it('gets the one of its namespace before that of the cluster, also if it is not selected automatically', () => {
    const spec = { supportedModelFormats: [{ name: 'sklearn' }], protocolVersions: ['v2'] };
    const own = offer('ServingRuntime', 'a', spec, '');
    expect(select(named(), [runtime('a')], [own])).toMatchObject({ runtime: { kind: 'ServingRuntime' } });
  });

  it.each<[string, RuntimeOffer[], Partial<ModelRequest>, string, string]>([
    ['is not there', [runtime('b')], {}, 'RuntimeNotRecognized', 'a yet; the InferenceService waits for it'],
    ['is disabled', [runtime('a', { disabled: true })], {}, 'RuntimeDisabled', 'enable it'],
    [
      'speaks another protocol',
      [runtime('a', { protocolVersions: ['v1'] })],
      { protocol: 'v2' },
      'NoSupportingRuntime',
      'speaks only v1, not v2',
    ],
    [
      'serves other formats',
      [runtime('a')],
      { format: { name: 'sklearn', version: '0' } },
      'NoSupportingRuntime',
      'does not serve the format sklearn 0',
    ],
    [
      'has no model server',
      [runtime('a', { containers: [] })],
      {},
      'InvalidPredictorSpec',
      'has no container',
    ],
  ])('gets a message when it %s', (_, cluster, more, reason, message) => {
    expect(select(named(more), cluster)).toEqual({
      kind: 'none',
      reason,
      message: expect.stringContaining(message),
    });
  });
});

describe('a runtime from a cluster with another schema', () => {
  it.each<[string, unknown]>([
    ['no spec', undefined],
    ['values instead of lists', { supportedModelFormats: 'sklearn', containers: {}, protocolVersions: 1 }],
    ['invalid entries', { supportedModelFormats: [null, 1, {}], containers: [null, 'a'] }],
  ])('with %s offers nothing', (_, spec) => {
    expect(readServingRuntime('ServingRuntime', { metadata: { name: 'a' }, spec })).toMatchObject({
      formats: [],
      containers: [],
      protocols: [],
      disabled: false,
    });
  });
});

describe('the runtime that a predictor requests', () => {
  it.each<[string, object, Partial<ModelRequest>]>([
    [
      'in the new style',
      {
        model: {
          modelFormat: { name: 'a', version: '1' },
          runtime: 'r',
          runtimeVersion: '2',
          protocolVersion: 'v2',
        },
      },
      {
        format: { name: 'a', version: '1' },
        runtime: 'r',
        runtimeVersion: '2',
        protocol: 'v2',
        overrides: {},
      },
    ],
    [
      'in the old style takes its format from the field name',
      { xgboost: {} },
      { format: { name: 'xgboost', version: undefined }, protocol: undefined },
    ],
    ['uses v2 for triton', { triton: {} }, { protocol: 'v2' }],
    [
      'uses v2 for triton in the new style',
      { model: { modelFormat: { name: 'triton' } } },
      { protocol: 'v2' },
    ],
    ['uses v2 for onnx', { onnx: {} }, { protocol: 'v2' }],
    [
      'takes the fields of a container',
      { sklearn: { storageUri: '', env: [], image: 'x', protocolVersion: 'v1' } },
      { overrides: { env: [], image: 'x' } },
    ],
  ])('%s', (_, predictor, expected) => {
    expect(modelRequestOf(predictor as never)).toMatchObject(expected);
  });

  it('is undefined for a predictor with its own containers', () => {
    expect(modelRequestOf({ containers: [{}] })).toBeUndefined();
  });
});
