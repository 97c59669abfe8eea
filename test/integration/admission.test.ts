import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Pod } from '../../src/contract/pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { isApiError } from '../../src/kube/api-error.ts';
import { INFERENCE_SERVICES, NAMESPACES, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import type { TestManager } from '../support/manager.ts';
import { inParallel } from '../support/parallel.ts';
import { dryRunContainers, dryRunPod, predictorPod } from '../support/predictor-pod.ts';
import { report } from '../support/report.ts';

const PODS_TO_CREATE = 1000;
const CALLERS = 16;

describe('pods through the real API server', () => {
  let cluster: ManagedCluster;
  let manager: TestManager;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client, manager } = cluster);
    await createService(client, inferenceService('known'));
    await eventually(async () =>
      expect(await containersOf(predictorPod('first', 'known'))).toContain('agent'),
    );
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const dryRun = (pod: KubernetesObject): Promise<Pod> => dryRunPod(client, pod);
  const containersOf = (pod: KubernetesObject): Promise<string[]> => dryRunContainers(client, pod);

  async function refusal(pod: KubernetesObject): Promise<string> {
    const answer: unknown = await dryRun(pod).then(
      () => 'admitted',
      (thrown: unknown) => thrown,
    );
    if (!isApiError(answer)) throw new Error(`not refused: ${JSON.stringify(answer)}`);
    return answer.message;
  }

  it('are injected for an InferenceService that the watch has not shown yet', async () => {
    for (const index of [1, 2, 3, 4, 5]) {
      await createService(client, inferenceService(`fresh-${index}`));
      expect(await containersOf(predictorPod('a', `fresh-${index}`))).toEqual(['kserve-container', 'agent']);
    }
  });

  it('are left alone when their InferenceService has storage or does not exist', async () => {
    await createService(client, inferenceService('single', { sklearn: { storageUri: 's3://bucket/m' } }));
    expect(await containersOf(predictorPod('a', 'single'))).toEqual(['kserve-container']);
    expect(await containersOf(predictorPod('a', 'nobody'))).toEqual(['kserve-container']);
  });

  it('are injected once, even when they are reviewed again', async () => {
    const once = await dryRun(predictorPod('a', 'known'));
    const { metadata, spec } = once;
    const again = await dryRun({
      metadata: { ...metadata, resourceVersion: undefined, uid: undefined },
      spec,
    } as unknown as KubernetesObject);
    expect(again.spec).toEqual(once.spec);
  });

  it('never reach the webhook without the label of an InferenceService', async () => {
    const before = await manager.metric('mms_admission_duration_seconds_count');
    const plain = predictorPod('a', 'known', (pod) => (pod.metadata = { ...pod.metadata, labels: {} }));
    expect(await containersOf(plain)).toEqual(['kserve-container']);
    expect(await manager.metric('mms_admission_duration_seconds_count')).toBe(before);
  });

  it('are refused, with what to change, when a foreign container or volume has the name of ours', async () => {
    const foreignAgent = predictorPod('a', 'known', (pod) => {
      pod.spec.containers.push({ name: 'agent', image: 'something-else' });
    });
    expect(await refusal(foreignAgent)).toContain('rename that container');
    const foreignVolume = predictorPod('a', 'known', (pod) => {
      pod.spec.volumes = [{ name: 'model-config', configMap: { name: 'other' } }];
    });
    expect(await refusal(foreignVolume)).toContain('modelconfig-known-0');
  });

  it('get the agent when the InferenceService is named like a member of Object.prototype', async () => {
    for (const name of ['constructor', 'tostring', 'valueof']) {
      await createService(client, inferenceService(name));
      expect(await containersOf(predictorPod('a', name))).toEqual(['kserve-container', 'agent']);
    }
  });

  describe('with resources at pod level', () => {
    const own = { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '250m', memory: '256Mi' } };
    const withResources = (
      resources: object,
      change: (pod: Pod) => void = () => undefined,
    ): KubernetesObject =>
      predictorPod('a', 'known', (pod) => {
        pod.spec.resources = resources as NonNullable<Pod['spec']['resources']>;
        change(pod);
      });

    it.each([
      ['limits', { limits: own.limits }],
      ['requests', { requests: own.requests }],
      ['limits and requests', own],
      ['a limit of memory alone', { limits: { memory: '512Mi' } }],
      ['a request of processors alone', { requests: { cpu: '50m' } }],
      ['less than the agent requests in other pods', { limits: { cpu: '10m', memory: '20Mi' } }],
      ['hugepages too', { limits: { cpu: '1', memory: '1Gi', 'hugepages-2Mi': '2Mi' } }],
    ])('are admitted with their agent: %s', async (_, resources) => {
      expect(await containersOf(withResources(resources))).toEqual(['kserve-container', 'agent']);
    });

    it('are admitted when the containers have resources too', async () => {
      const pod = withResources(own, ({ spec }) => {
        for (const container of spec.containers) container.resources = structuredClone(own);
      });
      expect(await containersOf(pod)).toEqual(['kserve-container', 'agent']);
    });

    it('would be refused with the limits that the agent has in other pods', async () => {
      const pod = withResources(own, ({ metadata, spec }) => {
        metadata.annotations = { 'internal.serving.kserve.io/agent': 'false' };
        spec.containers.push({ name: 'agent', image: 'agent:1', resources: { limits: { memory: '1Gi' } } });
      });
      expect(await refusal(pod)).toContain('pod');
    });
  });

  it('are refused in a terminating namespace, without blaming roles', async () => {
    const name = 'ending';
    // No controller empties the namespace here, so it stays terminating.
    await client.create(NAMESPACES, { metadata: { name } });
    await createService(client, inferenceService('late', { sklearn: {} }, name));
    await client.delete(NAMESPACES, { name });
    const late = predictorPod(
      'a',
      'late',
      (pod) => void (pod.metadata = { ...pod.metadata, namespace: name }),
    );
    const message = await refusal(late);
    expect(message).toContain('the namespace is being deleted, and nothing can be created in it');
    expect(message).not.toContain('roles');
  });

  it(`are created ${PODS_TO_CREATE} times by ${CALLERS} callers without a failure and without reads by the manager`, async () => {
    const injected = (): Promise<number> => manager.metric('mms_injections_total', { reason: 'Injected' });
    const [readsBefore, injectedBefore] = [await secretAndObjectReads(), await injected()];
    const names = Array.from({ length: PODS_TO_CREATE }, (_, index) => `pod-${index}`);
    const rateOf = async (create: (name: string) => Promise<void>): Promise<number> => {
      const started = performance.now();
      await inParallel(CALLERS, names, create);
      return PODS_TO_CREATE / ((performance.now() - started) / 1000);
    };
    const withWebhook = await rateOf(async (name) => {
      expect(await containersOf(predictorPod(name, 'known'))).toContain('agent');
    });
    const unlabelled = (pod: Pod): void => void (pod.metadata = { ...pod.metadata, labels: {} });
    const without = await rateOf(async (name) => {
      await containersOf(predictorPod(name, 'known', unlabelled));
    });
    report('dry-run pod creations, 16 callers', {
      'pods a second': withWebhook,
      'without a webhook': without,
      ratio: withWebhook / without,
    });
    expect((await injected()) - injectedBefore).toBe(PODS_TO_CREATE);
    expect(await secretAndObjectReads()).toBe(readsBefore);
    // A tenth of the promised rate.
    expect(withWebhook).toBeGreaterThan(50);
  });

  /**
   * The reads that a pod could cost: its InferenceService, its service account, a Secret. The manager reads the Secret
   * of its certificate on a timer.
   */
  async function secretAndObjectReads(): Promise<number> {
    const resources = [
      INFERENCE_SERVICES.plural,
      TRAINED_MODELS.plural,
      'serviceaccounts',
      'configmaps',
      'pods',
    ];
    const counts = await Promise.all(
      resources.map((resource) => manager.metric('mms_api_requests_total', { verb: 'get', resource })),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }
});
