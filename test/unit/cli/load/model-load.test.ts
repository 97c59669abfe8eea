import { describe, expect, it } from '@jest/globals';
import type { LoadRequest } from '../../../../src/cli/load/model-load.decide.ts';
import { loadProgress, planLoad } from '../../../../src/cli/load/model-load.decide.ts';
import type { TrainedModel } from '../../../../src/contract/trained-model.ts';

const NOTHING: LoadRequest = {
  ...{ namespace: 'ns', name: 'tulip', inferenceService: undefined, storageUri: undefined },
  ...{ framework: undefined, memory: undefined },
};
const ALL: LoadRequest = {
  ...NOTHING,
  ...{ inferenceService: 'flowers', storageUri: 's3://m/tulip', framework: 'sklearn', memory: '100Mi' },
};
const stored: TrainedModel = {
  metadata: { name: 'tulip', namespace: 'ns' },
  spec: {
    inferenceService: 'trees',
    model: { storageUri: 's3://m/old', framework: 'xgboost', memory: '1Gi' },
  },
};

describe('the object that mms load applies', () => {
  it('has all given fields when there is no such model', () => {
    expect(planLoad(ALL, undefined)).toEqual({
      kind: 'apply',
      model: {
        apiVersion: 'serving.kserve.io/v1alpha1',
        kind: 'TrainedModel',
        metadata: { namespace: 'ns', name: 'tulip' },
        spec: {
          inferenceService: 'flowers',
          model: { storageUri: 's3://m/tulip', framework: 'sklearn', memory: '100Mi' },
        },
      },
    });
  });

  it('has the given fields and the rest of the existing model', () => {
    expect(planLoad({ ...NOTHING, storageUri: 's3://m/new' }, stored)).toMatchObject({
      model: {
        spec: {
          inferenceService: 'trees',
          model: { storageUri: 's3://m/new', framework: 'xgboost', memory: '1Gi' },
        },
      },
    });
  });

  it.each<[string, LoadRequest, TrainedModel | undefined, string[]]>([
    [
      'required fields',
      { ...ALL, storageUri: undefined, memory: undefined },
      undefined,
      [
        '--storage-uri is needed: there is no TrainedModel tulip yet',
        '--memory is needed: there is no TrainedModel tulip yet',
      ],
    ],
    [
      'fields that the existing model lacks too',
      NOTHING,
      { metadata: stored.metadata, spec: { ...stored.spec, model: { ...stored.spec?.model, memory: null } } },
      ['--memory is needed: TrainedModel tulip lacks it'],
    ],
    [
      'a valid quantity',
      { ...ALL, memory: 'much' },
      undefined,
      ['spec.model.memory is much; it must be a quantity such as 256Mi, not negative'],
    ],
    [
      'a valid name',
      { ...ALL, name: 'a.b' },
      undefined,
      ['the name a.b may hold only letters, digits, "-" and "_"'],
    ],
  ])('is not created without %s', (_what, request, existing, faults) => {
    expect(planLoad(request, existing)).toEqual({ kind: 'faults', faults });
  });
});

describe('the progress of a load', () => {
  const withStatus = (
    loaded: readonly [string, string, string?],
    ready: readonly [string, string?, string?],
    more: object = {},
  ): TrainedModel => ({
    metadata: { name: 'tulip', generation: 2 },
    spec: stored.spec ?? {},
    status: {
      observedGeneration: 2,
      conditions: [
        { type: 'ModelLoaded', status: loaded[0], reason: loaded[1], message: loaded[2] },
        { type: 'Ready', status: ready[0], reason: ready[1], message: ready[2] },
      ],
      ...more,
    },
  });
  const failed = 'loaded on 1 of 2 replicas; pod b: NotFound: 404';

  it.each<[string, TrainedModel | undefined, object]>([
    ['without a status', { metadata: { name: 'tulip', generation: 1 } }, { state: 'going' }],
    ['Ready', withStatus(['True', 'Loaded'], ['True']), { state: 'ready', line: 'Ready' }],
    [
      'Ready for an earlier spec',
      withStatus(['True', 'Loaded'], ['True'], { observedGeneration: 1 }),
      { state: 'going', line: 'Pending: the manager has not yet processed its latest spec' },
    ],
    [
      'Ready without observedGeneration',
      withStatus(['True', 'Loaded'], ['True'], { observedGeneration: undefined }),
      { state: 'ready' },
    ],
    [
      'in progress',
      withStatus(['False', 'Downloading', 'loaded on 0 of 2 replicas'], ['False']),
      { state: 'going', line: 'Downloading (0 of 2 replicas)' },
    ],
    [
      'failed on one replica',
      withStatus(['False', 'Failed', failed], ['False']),
      { state: 'stuck', line: 'Failed (1 of 2 replicas): pod b: NotFound: 404' },
    ],
    [
      'waiting for memory',
      withStatus(['False', 'MemoryResourceNotAvailable', 'needs 4Gi'], ['False']),
      { state: 'blocked', line: 'MemoryResourceNotAvailable: needs 4Gi' },
    ],
    [
      'loaded, but not Ready',
      withStatus(['True', 'Loaded'], ['False', 'InferenceServiceNotReady', 'wait']),
      { state: 'going', line: 'Loaded, but InferenceServiceNotReady: wait' },
    ],
    ['deleted', undefined, { state: 'gone' }],
  ])('%s', (_what, model, progress) => {
    expect(loadProgress(model)).toMatchObject(progress);
  });
});
