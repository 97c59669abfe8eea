import { existsSync } from 'node:fs';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/controlplane/control-plane.ts';
import { identifyProcess } from '../../src/controlplane/process-identity.ts';
import { testControlPlane } from '../support/control-plane.ts';

function apiOf(controlPlane: ControlPlane): CoreV1Api {
  const config = new KubeConfig();
  config.loadFromFile(controlPlane.kubeconfigPath);
  return config.makeApiClient(CoreV1Api);
}

describe('a control plane', () => {
  let controlPlane: ControlPlane;
  beforeAll(async () => {
    controlPlane = await testControlPlane();
  });
  afterAll(async () => {
    await controlPlane.stop();
  });

  it('answers a client that has only the kubeconfig', async () => {
    const { items } = await apiOf(controlPlane).listNamespace();
    expect(items.map(({ metadata }) => metadata?.name)).toContain('default');
  });

  it('accepts a pod without a ServiceAccount', async () => {
    const body = { metadata: { name: 'plain' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const pod = await apiOf(controlPlane).createNamespacedPod({ namespace: 'default', body });
    expect(pod.metadata?.uid).toBeDefined();
  });

  it('keeps its data, port and credentials when the API server is killed and started again', async () => {
    const api = apiOf(controlPlane);
    const before = controlPlane.pids;
    const body = { metadata: { name: 'kept' }, data: { answer: '42' } };
    await api.createNamespacedConfigMap({ namespace: 'default', body });

    await controlPlane.killApiServer();
    expect(await identifyProcess(before.apiserver)).toBeUndefined();
    await expect(api.listNamespace()).rejects.toThrow();

    await controlPlane.startApiServer();
    expect(controlPlane.pids.etcd).toBe(before.etcd);
    expect(controlPlane.pids.apiserver).not.toBe(before.apiserver);
    const kept = await api.readNamespacedConfigMap({ namespace: 'default', name: 'kept' });
    expect(kept.data).toEqual({ answer: '42' });
  });
});

describe('stopping a control plane', () => {
  it('leaves no process and no file', async () => {
    const controlPlane = await testControlPlane();
    const { etcd, apiserver } = controlPlane.pids;
    expect(await identifyProcess(apiserver)).toBeDefined();
    await controlPlane.stop();
    expect(await identifyProcess(etcd)).toBeUndefined();
    expect(await identifyProcess(apiserver)).toBeUndefined();
    expect(existsSync(controlPlane.directory)).toBe(false);
    await controlPlane.stop();
  });
});
