import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { InferenceService } from '../../src/contract/inference-service.ts';
import { planPredictor } from '../../src/controllers/predictors/predictor-workload.decide.ts';
import type { WantedObject } from '../../src/controllers/predictors/predictor-workload.decide.ts';
import { readServingRuntime } from '../../src/contract/serving-runtime.ts';
import type { ServingRuntime } from '../../src/contract/serving-runtime.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { DEPLOYMENTS, SERVICES } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { clientFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { predictorCase, recordPredictors } from '../support/predictor-recording.ts';

interface Recorded {
  readonly deployment: { readonly labels: Texts; readonly annotations: Texts; readonly spec: Spec };
  readonly service: { readonly selector: Texts; readonly ports: Port[] };
}
type Texts = Record<string, string>;
interface Spec {
  replicas: number;
  readonly template: { readonly metadata: Record<string, unknown>; readonly spec: Record<string, unknown> };
}
interface Port {
  name?: string;
  targetPort: number;
}

/**
 * What KServe's manager of v0.17.0 and of v0.20.0 made of the cases of test/unit/controllers/predictors/predictors on
 * a real API server. Its settings for service accounts' tokens and for withheld annotations were unset; the
 * installation manifests set both. RECORD_KSERVE=1 records it again, which takes KServe's manager and a minute.
 */
const FILE = new URL('predictors-upstream.json', import.meta.url);

const RECORDED = await (async (): Promise<Record<string, Recorded>> => {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Recorded>;
  if (process.env['RECORD_KSERVE'] !== '1') return kept;
  const fresh = await recordPredictors(Object.keys(kept));
  writeFileSync(FILE, `${JSON.stringify(fresh)}\n`);
  return fresh as typeof kept;
})();

const NOT_OURS = [
  'serving.kserve.io/deploymentMode',
  'modelFormat',
  'kubectl.kubernetes.io/last-applied-configuration',
];

/** Applies the documented differences; docs/predictors.md or the comment above gives the reason for each. */
function asOurs(name: string, recorded: Recorded): Recorded {
  const { deployment, service } = structuredClone(recorded);
  const { template } = deployment.spec;
  for (const annotation of NOT_OURS) {
    Reflect.deleteProperty(deployment.annotations, annotation);
    Reflect.deleteProperty(template.metadata['annotations'] as Texts, annotation);
  }
  Reflect.deleteProperty(template.metadata, 'name');
  Reflect.deleteProperty(template.metadata, 'namespace');
  if (template.spec['automountServiceAccountToken'] === false) {
    Reflect.deleteProperty(template.spec, 'automountServiceAccountToken');
  }
  // KServe leaves the number to its autoscaler.
  if (name === 'replicas-and-strategy') deployment.spec.replicas = 3;
  const [port] = service.ports;
  if (name !== 'without-the-agent') port!.targetPort = 9081;
  if (port!.name === undefined || port!.name === 'flowers-predictor') port!.name = 'http';
  return { deployment, service };
}

describe("a predictor equals KServe's in the case of", () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
  });

  afterAll(async () => {
    await client.close();
    await controlPlane.stop();
  });

  /** The object as the API server would store it, with defaults. */
  const stored = async (
    resource: Resource,
    { metadata, spec }: WantedObject,
  ): Promise<Record<string, unknown>> => {
    const { name, labels = {}, annotations = {} } = metadata;
    const body = { metadata: { name, namespace: 'default', labels, annotations }, spec };
    const patch = { type: 'apply', body, fieldManager: 'test', force: true } as const;
    const answer = await client.patch(resource, { namespace: 'default', name }, patch, { dryRun: true });
    return { ...answer };
  };

  it.each(Object.entries(RECORDED))('%s', async (name, recorded) => {
    const objects = predictorCase(name) as readonly ServingRuntime[];
    const offers = (kind: 'ServingRuntime' | 'ClusterServingRuntime') =>
      objects.filter((object) => object.kind === kind).map((object) => readServingRuntime(kind, object));
    const plan = planPredictor(objects[0] as InferenceService, {
      namespaced: offers('ServingRuntime'),
      cluster: offers('ClusterServingRuntime'),
    });
    if (plan.kind !== 'workload') throw new Error(`${name}: ${plan.message}`);
    const deployment = await stored(DEPLOYMENTS, plan.deployment);
    const service = await stored(SERVICES, plan.service);
    const { labels, annotations } = deployment['metadata'] as Recorded['deployment'];
    const { selector, ports } = service['spec'] as Recorded['service'];
    const ours = {
      deployment: { labels, annotations, spec: deployment['spec'] },
      service: { selector, ports },
    };
    // No controller assigned node ports to either Service.
    expect(ours).toEqual(asOurs(name, recorded));
  });
});
