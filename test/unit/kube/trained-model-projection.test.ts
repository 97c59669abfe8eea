import { describe, expect, it } from '@jest/globals';
import {
  canBeInferenceService,
  inferenceServiceOf,
  readTrainedModel,
} from '../../../src/contract/trained-model.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';
import { createTrainedModelProjection } from '../../../src/kube/trained-model-projection.ts';

const METADATA = { name: 'm', namespace: 'ns', labels: { a: 'b' }, finalizers: ['f'], resourceVersion: '3' };
const SPEC = {
  inferenceService: 'sk',
  model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Mi' },
};
const STATUS = {
  url: 'http://sk/v1/models/m:predict',
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
};

describe('the projection of a TrainedModel', () => {
  it('keeps the annotation that pins it', () => {
    const pin = { 'kserve-mms/residency': 'always' };
    const model = { metadata: { ...METADATA, annotations: { 'kubectl/last': '{}', ...pin } } };
    expect(createTrainedModelProjection()(structuredClone(model))).toEqual({
      metadata: { ...METADATA, annotations: pin },
    });
  });

  it('keeps everything except other annotations', () => {
    const model = {
      metadata: { ...METADATA, annotations: { 'kubectl/last': '{}' } },
      spec: SPEC,
      status: STATUS,
    };
    expect(createTrainedModelProjection()(structuredClone(model))).toEqual({
      metadata: METADATA,
      spec: SPEC,
      status: STATUS,
    });
  });

  it.each([
    ['without a spec or a status', { metadata: METADATA }],
    ['with numbers instead of strings', { metadata: METADATA, spec: { model: { memory: 5, framework: 1 } } }],
    ['with a string as status', { metadata: METADATA, status: 'odd' }],
    ['with conditions that are not a list', { metadata: METADATA, status: { conditions: { type: 'x' } } }],
    ['with a condition that is null', { metadata: METADATA, status: { conditions: [null, 'x'] } }],
    ['with __proto__ as its namespace', { metadata: { ...METADATA, namespace: '__proto__' } }],
  ])('keeps a model %s', (_how, model) => {
    expect(createTrainedModelProjection()(structuredClone(model) as TrainedModel)).toEqual(model);
  });

  const ENDLESS = '9'.repeat(1_200_000);

  it.each(['storageUri', 'framework', 'memory'])(
    'cuts an endless string so that it is still too long: %s',
    (field) => {
      const model: TrainedModel = {
        metadata: { ...METADATA },
        spec: { ...SPEC, model: { ...SPEC.model, [field]: ENDLESS } },
      };
      const before = readTrainedModel(structuredClone(model));
      const kept = createTrainedModelProjection()(model);
      expect(before.kind).toBe('unusable');
      expect(readTrainedModel(kept)).toMatchObject({ kind: 'unusable', reason: 'InvalidSpec' });
      expect(JSON.stringify(kept).length).toBeLessThan(6_000);
    },
  );

  it('cuts the name of an InferenceService so that it is still invalid', () => {
    const model: TrainedModel = { metadata: { ...METADATA }, spec: { ...SPEC, inferenceService: ENDLESS } };
    const kept = createTrainedModelProjection()(model);
    expect(canBeInferenceService(inferenceServiceOf(kept) ?? '')).toBe(false);
    expect(JSON.stringify(kept).length).toBeLessThan(2_000);
  });

  const names = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `example.com/name-${index}`);

  it.each<[string, object]>([
    [
      'annotations that are used',
      {
        metadata: {
          ...METADATA,
          annotations: { 'kserve-mms/replaces': ENDLESS, 'kserve-mms/residency': ENDLESS },
        },
      },
    ],
    [
      'labels',
      { metadata: { ...METADATA, labels: Object.fromEntries(names(30_000).map((name) => [name, 'x'])) } },
    ],
    ['finalizers', { metadata: { ...METADATA, finalizers: names(30_000) } }],
    [
      'owners',
      { metadata: { ...METADATA, ownerReferences: names(10_000).map((name) => ({ name, uid: name })) } },
    ],
    [
      'deeply nested status',
      { metadata: METADATA, status: JSON.parse(`${'['.repeat(1_500)}${']'.repeat(1_500)}`) as object },
    ],
    ['conditions', { metadata: METADATA, status: { conditions: [{ type: 'Ready', message: ENDLESS }] } }],
    [
      'unknown fields',
      { metadata: METADATA, spec: { ...SPEC, more: ENDLESS }, status: STATUS, also: ENDLESS },
    ],
  ])('keeps little, however long the %s', (_what, more) => {
    const model = { spec: SPEC, apiVersion: 'v', kind: 'TrainedModel', ...more } as unknown as TrainedModel;
    const kept = createTrainedModelProjection()(structuredClone(model));
    expect(JSON.stringify(kept).length).toBeLessThan(2_000);
    expect(kept.metadata).toMatchObject({ name: 'm', namespace: 'ns', resourceVersion: '3' });
    expect(readTrainedModel(kept)).toEqual(readTrainedModel(model));
    expect(kept.metadata.annotations?.['kserve-mms/residency']).not.toBe('always');
  });
});
