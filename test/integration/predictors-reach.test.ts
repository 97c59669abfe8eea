import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { AGENT_PORT } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  INFERENCE_SERVICES,
  NAMESPACES,
  PODS,
  SERVICES,
  TRAINED_MODELS,
} from '../../src/kube/resources.ts';
import { clientFor } from '../support/api-access.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import {
  at,
  createRuntime,
  mlserverRuntime,
  modelPredictor,
  predictorsIn,
  readCondition,
  readStatus,
  reportAvailable,
  startPredictorManager,
} from '../support/predictor-cluster.ts';
import type { PredictorCluster } from '../support/predictor-cluster.ts';
import { requestInCluster, startPodServer } from '../support/service-request.ts';
import type { PodServer } from '../support/service-request.ts';

describe('the reported reachability of a predictor', () => {
  let cluster: PredictorCluster;
  let client: ApiClient;
  const explained = async (...args: string[]) => {
    const { kubeconfigPath } = cluster.controlPlane;
    const { stdout } = await runCommand(['explain', ...args, '--kubeconfig', kubeconfigPath, '-o', 'json']);
    return JSON.parse(stdout) as {
      links: { id: string; outcome: string; message: string }[];
      broken?: { id: string; message: string; advice: string };
    };
  };

  beforeAll(async () => {
    const controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    cluster = { controlPlane, client } as PredictorCluster;
  });

  afterAll(async () => {
    await cluster.manager.stop();
    await client.close();
    await cluster.controlPlane.stop();
  });

  const { deployed } = predictorsIn(() => client);

  it.each(['tm/rose', 'isvc/flowers'])('%s: advises to install the definitions', async (word) => {
    const { broken } = await explained(word);
    expect(broken).toMatchObject({
      message: expect.stringContaining('CustomResourceDefinitions are not installed'),
      advice: expect.stringContaining('kubectl apply -k manifests/crds'),
    });
  });

  it('reports a TrainedModel that does not exist', async () => {
    cluster.manager = await startPredictorManager(cluster.controlPlane);
    await createRuntime(client, mlserverRuntime());
    expect((await explained('tm/rose')).broken?.message).toContain('there is no TrainedModel rose');
  });

  /** Does what kubelet does for a pod of the Deployment; no kubelet runs here. */
  const runPod = async (name: string, podIP = '10.0.0.1'): Promise<void> => {
    const { template } = (await deployed(name)).spec;
    const pod = { namespace: 'default', name: `${name}-0` };
    const account = { serviceAccountName: 'default', automountServiceAccountToken: false };
    await client.create(PODS, {
      metadata: { ...template.metadata, ...pod },
      spec: { ...template.spec, ...account },
    } as KubernetesObject);
    const conditions = [{ type: 'Ready', status: 'True' }];
    const status = { phase: 'Running', conditions, podIP, podIPs: [{ ip: podIP }] };
    await client.patch(PODS, pod, { type: 'merge', body: { status } }, { subresource: 'status' });
    await reportAvailable(client, `${name}-predictor`);
  };
  const endpoints = (name: string, ready: boolean): Promise<unknown> =>
    client.patch(
      ENDPOINT_SLICES,
      { namespace: 'default', name: `${name}-x` },
      {
        ...{ type: 'apply', fieldManager: 'endpoints', force: true },
        body: {
          metadata: { name: `${name}-x`, labels: { 'kubernetes.io/service-name': `${name}-predictor` } },
          ...{ addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }] },
        },
      },
    );

  it('is False while a foreign Service has the name, and True once that is deleted', async () => {
    await client.create(SERVICES, {
      metadata: at('blocked'),
      spec: { selector: { app: 'mine' }, ports: [{ port: 80 }] },
    } as KubernetesObject);
    await createService(client, inferenceService('blocked', modelPredictor()));
    await eventually(async () => client.get(DEPLOYMENTS, at('blocked')));
    await reportAvailable(client, 'blocked-predictor');
    await eventually(async () => {
      for (const type of ['IngressReady', 'PredictorReady', 'Ready'])
        expect(await readCondition(client, 'blocked', type)).toMatchObject({
          ...{ status: 'False', reason: 'ServiceNotOurs' },
          message: expect.stringContaining('delete or rename'),
        });
    });
    expect(await readStatus(client, 'blocked')).not.toHaveProperty('url');
    const { broken } = await explained('isvc/blocked');
    expect(broken).toMatchObject({
      id: 'service-ours',
      message: expect.stringContaining('blocked-predictor'),
    });
    await client.delete(SERVICES, at('blocked'));
    await eventually(async () => {
      expect((await readCondition(client, 'blocked', 'Ready')).status).toBe('True');
      expect((await readCondition(client, 'blocked', 'IngressReady')).status).toBe('True');
    }, 60_000);
  });

  it('follows the readiness of the pods', async () => {
    await createService(client, inferenceService('led', modelPredictor()));
    await deployed('led');
    await eventually(async () =>
      expect((await readCondition(client, 'led', 'IngressReady')).status).toBe('Unknown'),
    );
    await runPod('led');
    await eventually(async () =>
      expect((await readCondition(client, 'led', 'IngressReady')).status).toBe('True'),
    );
    const link = async (id: string) => (await explained('isvc/led')).links.find((one) => one.id === id);
    expect(await link('service-ours')).toMatchObject({ outcome: 'ok' });
    expect(await link('service-leads')).toMatchObject({ outcome: 'unknown' });
    await endpoints('led', true);
    expect(await link('service-leads')).toMatchObject({
      outcome: 'ok',
      message: expect.stringContaining('1 ready pod'),
    });
    await endpoints('led', false);
    expect(await link('service-leads')).toMatchObject({ outcome: 'broken' });
    await reportAvailable(client, 'led-predictor', false);
    await eventually(async () =>
      expect((await readCondition(client, 'led', 'IngressReady')).status).toBe('False'),
    );
  });

  describe('is True, and requests are answered, when', () => {
    let server: PodServer;
    const url = 'http://served-predictor.default.svc.cluster.local';
    const readyBecause = (reason: string): Promise<unknown> =>
      eventually(async () => {
        expect(await readCondition(client, 'served', 'PredictorReady')).toMatchObject({
          status: 'True',
          reason,
        });
        for (const type of ['IngressReady', 'Ready'])
          expect((await readCondition(client, 'served', type)).status).toBe('True');
      });

    beforeAll(async () => {
      server = await startPodServer(AGENT_PORT);
      await createRuntime(client, mlserverRuntime('served'));
      await createService(client, inferenceService('served', modelPredictor('served')));
      await runPod('served', server.address);
    });

    afterAll(() => server.stop());

    it('its pods run', async () => {
      await readyBecause('MinimumReplicasAvailable');
      expect((await readStatus(client, 'served')).url).toBe(url);
      expect(await requestInCluster(client, url)).toBe('answered');
    });

    it('new pods replace old ones', async () => {
      const body = { spec: { predictor: { nodeSelector: { disk: 'fast' } } } };
      const served = { namespace: 'default', name: 'served' };
      await client.patch(INFERENCE_SERVICES, served, { type: 'merge', body });
      await readyBecause('RollingOut');
      expect(await requestInCluster(client, url)).toBe('answered');
      await reportAvailable(client, 'served-predictor');
    });

    const merge = (body: object) => ({ type: 'merge' as const, body });
    const change = (predictor: object): Promise<unknown> =>
      client.patch(
        INFERENCE_SERVICES,
        { namespace: 'default', name: 'served' },
        merge({ spec: { predictor } }),
      );

    /** The manager applies the right state again on its own schedule. Each apply is reported as rolled out at once. */
    const rolledOut = (): Promise<void> =>
      eventually(async () => {
        await reportAvailable(client, 'served-predictor');
        const { reason } = await readCondition(client, 'served', 'PredictorReady');
        expect(reason).toBe('MinimumReplicasAvailable');
      });

    it.each<[string, string, object, object]>([
      ['its new spec is wrong', 'InvalidPredictorSpec', { workerSpec: {} }, { workerSpec: null }],
      [
        'the API server refuses its new Deployment',
        'DeploymentRefused',
        { nodeSelector: { 'no key!': 'x' } },
        { nodeSelector: { 'no key!': null } },
      ],
      [
        'the API server refuses its new Service',
        'ServiceRefused',
        { model: { ports: [{ containerPort: 8080 }, { containerPort: 80, name: 'second' }] } },
        { model: { ports: null } },
      ],
    ])('%s', async (_, reason, wrong, right) => {
      await change(wrong);
      await readyBecause(reason);
      expect(await requestInCluster(client, url)).toBe('answered');
      await change(right);
      await rolledOut();
    });

    it('the webhook no longer selects its namespace', async () => {
      const labelled = (value: string | null) => merge({ metadata: { labels: { 'control-plane': value } } });
      await client.patch(NAMESPACES, { name: 'default' }, labelled('mine'));
      await readyBecause('NamespaceNotSelected');
      expect(await requestInCluster(client, url)).toBe('answered');
      await client.patch(NAMESPACES, { name: 'default' }, labelled(null));
      await rolledOut();
    });

    it('its runtime is deleted', async () => {
      await client.delete(CLUSTER_SERVING_RUNTIMES, { name: 'served' });
      await readyBecause('RuntimeNotRecognized');
      expect(await requestInCluster(client, url)).toBe('answered');
    });

    it('but not when its pod is deleted', async () => {
      await client.delete(PODS, { namespace: 'default', name: 'served-0' });
      await reportAvailable(client, 'served-predictor', false);
      await eventually(async () => {
        for (const type of ['IngressReady', 'PredictorReady', 'Ready'])
          expect((await readCondition(client, 'served', type)).status).toBe('False');
      });
      expect(await requestInCluster(client, url)).toBeUndefined();
    });
  });

  describe('in a namespace that the webhook does not select', () => {
    const NAMESPACE = 'kubeflow';
    const labels = (value: string | null): object => ({ metadata: { labels: { 'control-plane': value } } });
    const relabel = (value: string | null) =>
      client.patch(NAMESPACES, { name: NAMESPACE }, { type: 'merge', body: labels(value) });

    it('no predictor is made, and the status and explain give the reason', async () => {
      await client.create(NAMESPACES, {
        metadata: { name: NAMESPACE, labels: { 'control-plane': 'kubeflow' } },
      });
      await createService(client, inferenceService('unreached', modelPredictor(), NAMESPACE));
      await eventually(async () =>
        expect(await readCondition(client, 'unreached', 'Ready', NAMESPACE)).toMatchObject({
          ...{ status: 'False', reason: 'NamespaceNotSelected' },
          message: expect.stringContaining('control-plane DoesNotExist'),
        }),
      );
      expect(await getIfThere(client, DEPLOYMENTS, at('unreached', NAMESPACE))).toBeUndefined();
      expect(await getIfThere(client, SERVICES, at('unreached', NAMESPACE))).toBeUndefined();
      const { broken } = await explained('isvc/unreached', '-n', NAMESPACE);
      expect(broken).toMatchObject({ id: 'namespace-selected', message: expect.stringContaining(NAMESPACE) });
      expect(broken?.advice).not.toContain('delete the pod');
    });

    it('a predictor without the agent is made', async () => {
      const annotations = { 'internal.serving.kserve.io/agent': 'false' };
      await createService(
        client,
        inferenceService('agentless', modelPredictor(undefined, { annotations }), NAMESPACE),
      );
      await deployed('agentless', NAMESPACE);
    });

    it('a predictor is made once the namespace is selected, and is kept afterwards', async () => {
      await relabel(null);
      await deployed('unreached', NAMESPACE);
      await relabel('again');
      await eventually(async () =>
        expect((await readCondition(client, 'unreached', 'PredictorReady', NAMESPACE)).reason).toBe(
          'NamespaceNotSelected',
        ),
      );
      await deployed('unreached', NAMESPACE);
    });
  });

  describe("the definition of InferenceServices, like KServe's, refuses duplicate keys", () => {
    const twice = (entry: object): object[] => [entry, { ...entry }];
    it.each([
      [
        'env of a container',
        { containers: [{ name: 'a', image: 'b', env: twice({ name: 'A', value: '1' }) }] },
      ],
      [
        'ports of a container',
        { containers: [{ name: 'a', image: 'b', ports: twice({ containerPort: 1 }) }] },
      ],
      ['env of a model', { model: { modelFormat: { name: 'sklearn' }, env: twice({ name: 'A' }) } }],
      ['ports of a format', { sklearn: { ports: twice({ containerPort: 1, protocol: 'TCP' }) } }],
      ['mounts of a model', { model: { volumeMounts: twice({ name: 'v', mountPath: '/a' }) } }],
      ['env of an init container', { initContainers: [{ name: 'i', env: twice({ name: 'A' }) }] }],
    ])('in %s', async (_, predictor) => {
      await expect(createService(client, inferenceService('twice', predictor))).rejects.toThrow(
        'Duplicate value',
      );
    });

    it('and accepts one port for two protocols', async () => {
      const ports = [{ containerPort: 1 }, { containerPort: 1, protocol: 'UDP' }];
      await createService(
        client,
        inferenceService('protocols', { sklearn: { ports, storageUri: 's3://b/m' } }),
      );
    });
  });

  it('names the right namespace for a model whose InferenceService reference cannot exist', async () => {
    const warnings: string[] = [];
    const warned = clientFor(cluster.controlPlane, { warn: (text) => warnings.push(text) });
    const model = {
      metadata: { name: 'lost', namespace: 'default' },
      spec: {
        inferenceService: 'other/c1',
        model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Mi' },
      },
    };
    await warned.create(TRAINED_MODELS, model);
    await warned.close();
    expect(warnings).toEqual([expect.stringContaining('write "c1", or create the model in namespace other')]);
    const { broken } = await explained('tm/lost');
    expect(broken?.message).toContain('write "c1", or create the model in namespace other');
  });
});
