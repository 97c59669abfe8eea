import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { planPredictor } from '../../../src/controllers/predictors/predictor-workload.decide.ts';
import { readServingRuntime } from '../../../src/contract/serving-runtime.ts';
import type { ServingRuntime } from '../../../src/contract/serving-runtime.ts';

const FIELDS = [
  ...['supportedModelFormats', 'containers', 'protocolVersions', 'disabled', 'workerSpec', 'labels'],
  ...['annotations', 'nodeSelector', 'affinity', 'tolerations', 'volumes', 'imagePullSecrets'],
  ...['schedulerName', 'multiModel', 'hostAliases'],
];
const CONTAINER_FIELDS = [
  ...['name', 'image', 'args', 'command', 'env', 'ports', 'resources', 'readinessProbe', 'securityContext'],
  ...['volumeMounts', 'lifecycle', 'imagePullPolicy'],
];
const text = fc.oneof(
  fc.string(),
  fc.constantFrom('{{.Name}}', '{{.Labels.a}}', '{{', '{{}}', '__proto__', 'constructor', 'kserve-container'),
);
const { anything } = fc.letrec<{ anything: unknown }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 4 },
    ...[text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)],
    fc.array(tie('anything'), { maxLength: 4 }),
    fc.dictionary(text, tie('anything'), { maxKeys: 4 }),
  ),
}));
const some = (fields: readonly string[]) =>
  fc.record(Object.fromEntries(fields.map((field) => [field, anything])), { requiredKeys: [] });
const runtime = fc
  .tuple(some(FIELDS), some(CONTAINER_FIELDS), fc.boolean())
  .map(([spec, container, isUsable]): ServingRuntime => {
    const usable = {
      supportedModelFormats: [{ name: 'sklearn', autoSelect: true }],
      protocolVersions: ['v2'],
      containers: [{ ...container, name: 'kserve-container' }],
    };
    // Half of them are selectable, so that absurd fields reach the pod.
    const read = JSON.parse(JSON.stringify(isUsable ? { ...spec, ...usable } : spec)) as unknown;
    return { metadata: { name: 'absurd' }, spec: read };
  });

function planFor(absurd: ServingRuntime, predictor: object): unknown {
  const service = { metadata: { name: 'flowers', namespace: 'ns', uid: 'u1' }, spec: { predictor } };
  return planPredictor(service as InferenceService, {
    namespaced: [],
    cluster: [readServingRuntime('ClusterServingRuntime', absurd)],
  });
}

describe('a runtime with absurd fields', () => {
  it('results in a plan that can be serialized, or in a message that names the fault', () => {
    fc.assert(
      fc.property(runtime, some(CONTAINER_FIELDS), (absurd, fields) => {
        const predictor = { sklearn: { ...fields, protocolVersion: 'v2' } };
        const plan = planFor(absurd, JSON.parse(JSON.stringify(predictor)) as object) as { kind: string };
        expect(['workload', 'blocked', 'left-alone']).toContain(plan.kind);
        expect(() => JSON.stringify(plan)).not.toThrow();
      }),
      { numRuns: 500, seed: 16 },
    );
  });

  it('is rejected when it or the InferenceService is nested as deep as an API server allows', () => {
    // sigs.k8s.io/json reads 10,000 levels.
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`);
    const runtimeWith = (resources: unknown): ServingRuntime => ({
      metadata: { name: 'absurd' },
      spec: {
        supportedModelFormats: [{ name: 'sklearn', autoSelect: true }],
        protocolVersions: ['v2'],
        containers: [{ name: 'kserve-container', image: 'a:1', resources }],
      },
    });
    const reported = (message: string): object => ({
      ...{ kind: 'blocked', reason: 'InvalidPredictorSpec' },
      message: expect.stringContaining(message),
    });
    const sklearn = { protocolVersion: 'v2' };
    expect(planFor(runtimeWith(deep), { sklearn })).toEqual(
      reported('ClusterServingRuntime absurd is nested'),
    );
    expect(planFor(runtimeWith({}), { sklearn: { ...sklearn, resources: deep } })).toEqual(
      reported('spec.predictor is nested'),
    );
  });
});
