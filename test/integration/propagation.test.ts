import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { keyOf } from '../../src/contract/kubernetes.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { MODEL_CONFIG_VERSION } from '../../src/contract/names.ts';
import { watchedPod } from '../../src/contract/watched-pod.ts';
import type { WatchedPod } from '../../src/contract/watched-pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS } from '../../src/kube/resources.ts';
import type { CustomObject, Resource } from '../../src/kube/resources.ts';
import { createPropagation } from '../../src/controllers/propagation/annotate-pods.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { clientFor } from '../support/api-access.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  readConfigMap,
  trainedModel,
} from '../support/cluster-client.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { inParallel } from '../support/parallel.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { report } from '../support/report.ts';

const NODE = 'node-1';

describe('pods are notified of a changed ConfigMap', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    manager = await startTestManager({ kubeconfig: controlPlane.kubeconfigPath });
  });

  afterAll(async () => {
    await manager.stop();
    await client.close();
    await controlPlane.stop();
  });

  const createPod = (name: string, service: string): Promise<unknown> =>
    client.create(PODS, predictorPod(name, service));
  /** A pod that the scheduler has assigned to a node. */
  const startPod = (name: string, service: string): Promise<unknown> =>
    client.create(
      PODS,
      predictorPod(name, service, ({ spec }) => (spec['nodeName'] = NODE)),
    );
  const readPod = (name: string): Promise<KubernetesObject> =>
    client.get(PODS, { namespace: 'default', name });
  const notifiedOf = async (name: string): Promise<string | undefined> =>
    (await readPod(name)).metadata.annotations?.[MODEL_CONFIG_VERSION];
  const versionOf = async (service: string): Promise<string | undefined> =>
    (await readConfigMap(client, `modelconfig-${service}-0`))?.metadata.resourceVersion;
  const annotated = (): Promise<number> => manager.metric('mms_propagations_total', { result: 'annotated' });
  /** Waits until the manager has all pods in its cache. */
  const hasSeenPods = (): Promise<void> =>
    eventually(async () => {
      const { items } = await client.list(PODS);
      expect(await manager.metric('mms_cache_objects', { resource: 'pods' })).toBe(items.length);
    });
  const hasModels = (service: string, names: readonly string[]): Promise<void> =>
    eventually(async () => expect(await modelNames(client, service)).toEqual(names));
  const isNotified = (name: string, service: string): Promise<void> =>
    eventually(async () => {
      const version = await versionOf(service);
      expect([await notifiedOf(name), version]).toEqual([version, expect.any(String)]);
    });

  it('once for each change, and not at their start', async () => {
    await createService(client, inferenceService('once'));
    await hasModels('once', []);
    const before = await annotated();
    await startPod('once-a', 'once');
    await hasSeenPods();
    await createModel(client, trainedModel('once-1', 'once'));
    await hasModels('once', ['once-1']);
    const written = performance.now();
    await isNotified('once-a', 'once');
    report('a pod was notified of a changed ConfigMap', { 'after (ms)': performance.now() - written });
    expect((await annotated()) - before).toBe(1);
    await createModel(client, trainedModel('once-2', 'once'));
    await hasModels('once', ['once-1', 'once-2']);
    await isNotified('once-a', 'once');
    expect((await annotated()) - before).toBe(2);
  });

  it('only if they mount it, have a node, and have not ended', async () => {
    await createService(client, inferenceService('some'));
    await hasModels('some', []);
    const before = await annotated();
    await startPod('some-running', 'some');
    await startPod('some-ended', 'some');
    await client.patch(
      PODS,
      { namespace: 'default', name: 'some-ended' },
      { type: 'merge', body: { status: { phase: 'Failed' } } },
      { subresource: 'status' },
    );
    await createPod('some-unscheduled', 'some');
    const transformer = predictorPod('some-transformer', 'some', (pod) => {
      pod.metadata = { ...pod.metadata, labels: { ...pod.metadata.labels, component: 'transformer' } };
      pod.spec['nodeName'] = NODE;
    });
    await client.create(PODS, transformer);
    await hasSeenPods();
    await createModel(client, trainedModel('some-1', 'some'));
    await hasModels('some', ['some-1']);
    await isNotified('some-running', 'some');
    expect(await notifiedOf('some-unscheduled')).toBeUndefined();
    // It is notified once it has a node, because kubelet may have been faster than the watch.
    await schedule(client, 'some-unscheduled');
    await isNotified('some-unscheduled', 'some');
    expect(await notifiedOf('some-ended')).toBeUndefined();
    expect(await notifiedOf('some-transformer')).toBeUndefined();
    expect((await annotated()) - before).toBe(2);
  });

  it("not when they were recreated: a stale pod's notification is dropped", async () => {
    await createPod('reborn', 'absent');
    const pod = watchedPod(await readPod('reborn'));
    const { metadata } = pod;
    const stale: WatchedPod = {
      ...{ ...pod, scheduled: true, configMaps: ['modelconfig-absent-0'] },
      metadata: { ...metadata, uid: '00000000-0000-0000-0000-000000000000' },
    };
    const results: string[] = [];
    let resourceVersion = '1';
    const propagation = createPropagation({
      ...{ client, clock: systemClock },
      pod: () => stale,
      configMapsFor: () => [{ metadata: { name: 'modelconfig-absent-0', resourceVersion } }],
      observe: (result) => results.push(result),
    });
    propagation.isDue(stale);
    resourceVersion = '2';
    await propagation.annotate(keyOf(stale), new AbortController().signal);
    expect(results).toEqual(['pod-gone']);
    expect(await notifiedOf('reborn')).toBeUndefined();
  });

  it('fifty pods, of the last of many versions, with fewer patches than versions times pods', async () => {
    const pods = Array.from({ length: 50 }, (_, index) => `many-${index}`);
    const models = Array.from({ length: 200 }, (_, index) => `many-${String(index).padStart(3, '0')}`);
    await createService(client, inferenceService('many'));
    await hasModels('many', []);
    await inParallel(8, pods, async (name) => {
      await startPod(name, 'many');
    });
    await hasSeenPods();
    const before = await annotated();
    const writesBefore = await manager.metric('mms_api_requests_total', {
      verb: 'update',
      resource: 'configmaps',
    });
    await inParallel(8, models, async (name) => {
      await createModel(client, trainedModel(name, 'many'));
    });
    await hasModels('many', models);
    const written = performance.now();
    await inParallel(8, pods, (name) => isNotified(name, 'many'));
    const writes =
      (await manager.metric('mms_api_requests_total', { verb: 'update', resource: 'configmaps' })) -
      writesBefore;
    const patches = (await annotated()) - before;
    report('50 pods and 200 models at once', {
      'the last pod was notified after (ms)': performance.now() - written,
      'writes of the ConfigMap': writes,
      'patches of pods': patches,
    });
    expect(patches).toBeGreaterThanOrEqual(pods.length);
    expect(patches).toBeLessThanOrEqual(pods.length * writes);
    expect(await manager.metric('mms_propagation_queue_depth')).toBe(0);
  });

  it('not with --no-propagate, and then by the next manager without it', async () => {
    await createService(client, inferenceService('later'));
    await hasModels('later', []);
    await startPod('later-a', 'later');
    await hasSeenPods();
    await createModel(client, trainedModel('later-1', 'later'));
    await hasModels('later', ['later-1']);
    await isNotified('later-a', 'later');
    const first = await notifiedOf('later-a');
    await manager.stop();

    manager = await startTestManager({ kubeconfig: controlPlane.kubeconfigPath, args: ['--no-propagate'] });
    await createModel(client, trainedModel('later-2', 'later'));
    await hasModels('later', ['later-1', 'later-2']);
    expect(await manager.metric('mms_api_requests_total', { verb: 'patch', resource: 'pods' })).toBe(0);
    await manager.stop();
    expect(await notifiedOf('later-a')).toBe(first);

    manager = await startTestManager({ kubeconfig: controlPlane.kubeconfigPath });
    await isNotified('later-a', 'later');
    // No other pod needed a notification.
    expect(await annotated()).toBe(1);
  });
});

/** Does what the scheduler does with a pod. */
async function schedule(client: ApiClient, pod: string): Promise<void> {
  const resource: Resource<CustomObject> = { ...PODS, plural: `pods/${pod}/binding`, kind: 'Binding' };
  const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
  const binding = { metadata: { name: pod, namespace: 'default' }, target };
  await client.create(resource, binding);
}
