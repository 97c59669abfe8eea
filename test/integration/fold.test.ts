import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { PODS } from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import type { FoldDocument } from '../support/fold-document.ts';
import { startKServeCluster } from '../support/kserve-cluster.ts';
import type { KServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import { kservePrograms } from '../support/kserve-programs.ts';
import { kubectl } from '../support/kubectl.ts';
import { measure, serveMetrics } from '../support/pod-metrics.ts';

const MI = 1024 ** 2;

/**
 * KServe's manager has defaulted the InferenceServices and made their Deployments. The pods are stored but run
 * nowhere.
 */
describe('mms fold of a cluster with KServe', () => {
  let cluster: KServeCluster;
  let kubeconfig = '';

  buildKServeFirst();

  beforeAll(async () => {
    cluster = await startKServeCluster();
    kubeconfig = cluster.controlPlane.kubeconfigPath;
    const { module } = await kservePrograms();
    for (const name of ['mlserver', 'sklearnserver', 'tensorflow-serving'])
      await kubectl(kubeconfig, 'apply', '-f', join(module, `config/runtimes/kserve-${name}.yaml`));
    const made = (name: string, model: object, more: object = {}) =>
      createService(cluster.client, {
        ...inferenceService(name, { model: { storageUri: `s3://models/${name}`, ...model }, ...more }),
      });
    const sklearn = { modelFormat: { name: 'sklearn' } };
    // The API server calls a new webhook a moment after its registration.
    await eventually(() => made('rose', { ...sklearn, protocolVersion: 'v2' }));
    for (const name of ['tulip', 'iris']) await made(name, { ...sklearn, protocolVersion: 'v2' });
    for (const name of ['oak', 'elm']) await made(name, sklearn, { minReplicas: 2 });
    await made('tensor', { modelFormat: { name: 'tensorflow' } });
    await made('apart', { ...sklearn, protocolVersion: 'v2' }, { serviceAccountName: 'other' });
  }, 300_000);

  afterAll(async () => {
    await cluster.stop();
  });

  const report = async (...args: readonly string[]): Promise<FoldDocument> => {
    const { code, stdout, stderr } = await runCommand([
      'fold',
      '--kubeconfig',
      kubeconfig,
      '-o',
      'json',
      ...args,
    ]);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as FoldDocument;
  };

  /** A pod as the Deployment made by KServe would create it. */
  async function runningPod(service: string, name: string): Promise<KubernetesObject> {
    const json = await eventually(() =>
      kubectl(kubeconfig, 'get', 'deployment', `${service}-predictor`, '-o', 'json'),
    );
    const { template } = (JSON.parse(json) as { spec: { template: { metadata: object; spec: object } } })
      .spec;
    const pod = await cluster.client.create(PODS, {
      ...template,
      metadata: { ...template.metadata, name, namespace: 'default' },
      spec: { ...template.spec, nodeName: 'nowhere' },
    } as KubernetesObject);
    const body = { status: { phase: 'Running' } };
    await cluster.client.patch(PODS, pod.metadata, { type: 'merge', body }, { subresource: 'status' });
    return pod;
  }

  it('reports which models could share by the runtimes that KServe chooses, and why others cannot', async () => {
    const { groups, alone } = await report();
    expect(groups.map(({ name, runtime, models }) => [name, runtime, models.map((one) => one.name)])).toEqual(
      [
        ['sklearn-shared', 'kserve-sklearnserver', ['elm', 'oak']],
        ['sklearn-shared-2', 'kserve-mlserver', ['iris', 'rose', 'tulip']],
      ],
    );
    expect(alone.map(({ name, code }) => [name, code])).toEqual([
      ['apart', 'Alone'],
      ['tensor', 'ServerCannotLoad'],
    ]);
  });

  it('says that it has no measurements, and continues', async () => {
    const { assumptions } = await report();
    expect(assumptions).toContainEqual(
      expect.stringMatching(/Nothing is measured: metrics\.k8s\.io cannot be read/),
    );
  });

  it('counts the existing pods, with their requests and usage', async () => {
    await serveMetrics(kubeconfig);
    for (const [service, name, memory] of [
      ['rose', 'rose-1', '313Mi'],
      ['tulip', 'tulip-1', '253Mi'],
      ['iris', 'iris-1', '214Mi'],
    ] as const)
      await measure(cluster.client, await runningPod(service, name), {
        'kserve-container': { cpu: '12m', memory },
      });
    await runningPod('iris', 'iris-2');
    const { groups } = await report('rose', 'tulip', 'iris');
    const [{ before, after, models } = { before: {}, after: {}, models: [] }] = groups;
    // KServe has defaulted 1 CPU and 2Gi for each of four pods.
    expect(before).toEqual({ pods: 4, cpu: 4, memory: 4 * 2048 * MI });
    expect(
      Object.fromEntries(models.map(({ name, memory, memoryIs }) => [name, [memory / MI, memoryIs]])),
    ).toEqual({
      ...{ rose: [125, 'measured'], tulip: [50, 'measured'], iris: [4, 'measured'] },
    });
    expect(after).toEqual({ pods: 2, cpu: 2.2, memory: 2 * (213 + 179 + 100) * MI });
  });

  it('writes manifests that KServe and its webhooks accept, and then reports these models as moved', async () => {
    const to = join(cluster.controlPlane.directory, 'written');
    await runCommand(['fold', '--kubeconfig', kubeconfig, '--write', to, 'rose', 'tulip', 'iris']);
    const directory = join(to, 'default/sklearn-shared');
    expect(await readFile(join(directory, 'inference-service.yaml'), 'utf8')).toContain(
      'runtime: kserve-mlserver',
    );
    // KServe's controller deletes a TrainedModel whose InferenceService it has not seen yet, so the page says to apply
    // that first.
    await kubectl(kubeconfig, 'apply', '-f', join(directory, 'inference-service.yaml'));
    await eventually(() => kubectl(kubeconfig, 'get', 'deployment', 'sklearn-shared-predictor'));
    await kubectl(kubeconfig, 'apply', '-k', directory);
    const { alone } = await report();
    expect(alone.find(({ name }) => name === 'rose')).toMatchObject({
      ...{ code: 'TrainedModelThere', reason: expect.stringContaining('sklearn-shared') },
    });
    expect(alone.find(({ name }) => name === 'sklearn-shared')?.code).toBe('AlreadyMultiModel');
  });
});
