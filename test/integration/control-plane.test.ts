import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthenticationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { identifyProcess } from '../../src/development/controlplane/process-identity.ts';
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

describe('a program that is killed', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('stops its control plane too (%s)', async (signal) => {
    const script = join(import.meta.dirname, '..', 'support', 'start-and-wait.ts');
    const program = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(program.stdout, 'data')) as [Buffer];
    const { pids, directory } = JSON.parse(line.toString()) as Pick<ControlPlane, 'pids' | 'directory'>;
    expect(await identifyProcess(pids.apiserver)).toBeDefined();
    program.kill(signal);
    for (const pid of [pids.etcd, pids.apiserver]) {
      while ((await identifyProcess(pid)) !== undefined) await sleep(20);
    }
    while (existsSync(directory)) await sleep(20);
  });
});

describe('a control plane in a given directory', () => {
  it('starts again with its data, an additional user and ServiceAccount admission', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'control-plane-test-'));
    const users = [{ name: 'viewer', token: 'let-"me",in', groups: ['readers', 'others'] }];
    try {
      const first = await testControlPlane({ directory });
      const body = { metadata: { name: 'kept' }, data: { answer: '42' } };
      await apiOf(first).createNamespacedConfigMap({ namespace: 'default', body });
      await first.stop();

      const second = await testControlPlane({ directory, users, serviceAccountAdmission: true });
      const api = apiOf(second);
      expect((await api.readNamespacedConfigMap({ namespace: 'default', name: 'kept' })).data).toEqual(
        body.data,
      );
      const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
      await expect(api.createNamespacedPod({ namespace: 'default', body: pod })).rejects.toMatchObject({
        code: 403,
      });
      expect(await whoIs(second, users[0]!.token)).toMatchObject({ username: 'viewer' });
      await second.stop();
      expect(existsSync(directory)).toBe(true);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('fails with the end of the log, and leaves no files, when the API server does not start', async () => {
    const failing = testControlPlane({ apiServerFlags: ['--no-such-flag'] });
    await expect(failing).rejects.toMatchObject({
      code: 'CONTROL_PLANE_START_FAILED',
      message: expect.stringMatching(/kube-apiserver did not start[^]*unknown flag: --no-such-flag/),
    });
  });
});

async function whoIs(controlPlane: ControlPlane, token: string) {
  const config = new KubeConfig();
  const caData = (await readFile(controlPlane.caFile)).toString('base64');
  config.loadFromClusterAndUser(
    { name: 'c', server: controlPlane.server, caData, skipTLSVerify: false },
    { name: 'u', token },
  );
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const review = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body });
  return review.status?.userInfo;
}
