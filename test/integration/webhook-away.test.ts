import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Pod } from '../../src/contract/pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, PODS } from '../../src/kube/resources.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import { POD_RULES, withRules } from '../../src/contract/webhook-configuration.ts';
import { clientFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { manifests, render } from '../support/rendered.ts';

const OURS = 'kserve-mms-system';

/** A crashed manager leaves the webhook switched on with failurePolicy Fail, and nothing answers it. */
describe('an installation without any running replica', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let template: { readonly metadata: object; readonly spec: Pod['spec'] };

  beforeAll(async () => {
    controlPlane = await testControlPlane({ serviceAccountAdmission: true });
    client = clientFor(controlPlane);
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('default'));
    const installed = await client.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: WEBHOOK_CONFIGURATION });
    await client.replace(MUTATING_WEBHOOK_CONFIGURATIONS, withRules(installed, POD_RULES));
    // A controller makes it in every namespace; none runs here.
    await kubectl(controlPlane.kubeconfigPath, 'create', 'serviceaccount', 'default');
    const deployment = (await render('default')).find(({ kind }) => kind === 'Deployment');
    ({ template } = deployment!['spec'] as { template: typeof template });
    // The API server learns of a webhook by a watch.
    await eventually(() =>
      expect(create(predictorPod('probe', 'sk'))).rejects.toThrow('failed calling webhook'),
    );
  });

  afterAll(async () => {
    await client.close();
    await controlPlane.stop();
  });

  const create = (pod: KubernetesObject): Promise<Pod> => client.create(PODS, pod) as unknown as Promise<Pod>;
  /** A pod as the Deployment would make it. */
  const managerPod = (name: string, labels: Record<string, string> = {}): KubernetesObject => ({
    ...structuredClone(template),
    metadata: { ...template.metadata, name, namespace: OURS, labels },
  });

  it('can start again: its own pods are admitted under the strictest pod security, all at once', async () => {
    const pods = await Promise.all(['a', 'b', 'c'].map((name) => create(managerPod(name))));
    expect(pods.map(({ spec }) => (spec as { priority?: number }).priority)).toEqual([1e9, 1e9, 1e9]);
  });

  it('can start again even if its pods are labelled like those of an InferenceService', async () => {
    await create(
      managerPod('labelled', { 'serving.kserve.io/inferenceservice': 'sk', component: 'predictor' }),
    );
  });

  it('admits nothing into its namespace that pod security forbids', async () => {
    const pod = managerPod('careless') as unknown as Pod;
    pod.spec.containers[0]!.securityContext = {};
    await expect(create(pod as unknown as KubernetesObject)).rejects.toThrow('violates PodSecurity');
  });

  it('blocks pods of InferenceServices, which could serve nothing without an agent', async () => {
    await expect(create(predictorPod('a', 'sk'))).rejects.toThrow('failed calling webhook');
  });

  it('blocks no other pod', async () => {
    const pod = predictorPod('other', 'sk');
    await create({ ...pod, metadata: { name: 'other', namespace: 'default' } });
  });
});
