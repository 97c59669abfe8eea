import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { memoryLimitOf } from '../../../src/contract/inference-service.ts';
import { isMMSPredictor } from '../../../src/contract/mms-predictor.ts';
import { protocolOf } from '../../../src/contract/model-url.ts';
import { keptInferenceService, withoutLastApplied } from '../../../src/kube/inference-service-projection.ts';

const LONG = 'x'.repeat(1_000_000);
const env = Array.from({ length: 9_000 }, (_, index) => ({ name: `V${index}`, value: 'x'.repeat(100) }));
const resources = { limits: { memory: '2Gi' } };
const metadata = {
  name: 'sk',
  namespace: 'ns',
  uid: 'u',
  resourceVersion: '7',
  generation: 2,
  annotations: { 'kserve-mms/residency': 'on-demand' },
};
const status = { url: 'http://sk.ns', conditions: [{ type: 'Ready', status: 'True' }] };
const service = (predictor: object, more: object = {}): InferenceService =>
  ({
    apiVersion: 'v',
    kind: 'InferenceService',
    metadata,
    spec: { predictor },
    status,
    ...more,
  }) as InferenceService;

describe('the projection of an InferenceService', () => {
  it('keeps all of a short one, except the annotation of kubectl apply', () => {
    const object = service({
      sklearn: { resources, env: env.slice(0, 100) },
      tolerations: [{}],
      logger: { url: 'http://l' },
    });
    const annotations = { ...metadata.annotations, 'kubectl.kubernetes.io/last-applied-configuration': LONG };
    for (const kept of [keptInferenceService, withoutLastApplied])
      expect(kept(structuredClone({ ...object, metadata: { ...metadata, annotations } }))).toEqual(object);
  });

  it.each<[string, object, object]>([
    ['variables', { sklearn: { resources, protocolVersion: 'v2', env } }, {}],
    ['a storageUri', { sklearn: { resources, storageUri: 's3://b/m', args: [LONG] } }, {}],
    [
      'a format',
      { model: { modelFormat: { name: 'sklearn' }, protocolVersion: 'v2', resources, env, runtime: LONG } },
      {},
    ],
    [
      'containers',
      {
        containers: [
          {
            name: 'kserve-container',
            resources,
            env: [...env, { name: 'MULTI_MODEL_SERVER', value: 'true' }, { name: 'PROTOCOL', value: 'v2' }],
          },
        ],
      },
      {},
    ],
    ['volumes', { sklearn: { resources }, volumes: env, logger: { mode: 'all', url: 'http://l' } }, {}],
    [
      'another component',
      { sklearn: { resources } },
      { spec: { predictor: { sklearn: { resources } }, transformer: { env } } },
    ],
    [
      'annotations and labels',
      { sklearn: { resources } },
      {
        metadata: {
          ...metadata,
          labels: { a: LONG },
          finalizers: env.map(({ name }) => name),
          annotations: { ...metadata.annotations, a: LONG, 'kserve-mms/memory-budget': LONG },
        },
      },
    ],
    ['a status', { sklearn: { resources } }, { status: { ...status, components: { predictor: LONG } } }],
  ])('keeps little of one with long %s, and decisions stay the same', (_what, predictor, more) => {
    const object = service(predictor, more);
    const kept = keptInferenceService(structuredClone(object));
    expect(JSON.stringify(kept).length).toBeLessThan(6_000);
    expect(isMMSPredictor(kept.spec?.predictor)).toEqual(isMMSPredictor(object.spec?.predictor));
    expect(memoryLimitOf(kept)).toBe(memoryLimitOf(object));
    expect(protocolOf(kept.spec?.predictor)).toBe(protocolOf(object.spec?.predictor));
    expect(kept).toMatchObject({ metadata, status });
  });

  it.each([
    null,
    'x',
    3,
    [],
    { predictor: null },
    { predictor: LONG },
    { predictor: { containers: 'x', sklearn: [LONG] } },
  ])('accepts any spec: %#', (spec) => {
    const object = { ...service({}), spec, more: LONG } as unknown as InferenceService;
    expect(JSON.stringify(keptInferenceService(object)).length).toBeLessThan(2_000);
  });
});
