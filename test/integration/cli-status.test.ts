import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TRAINED_MODELS } from '../../src/kube/resources.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { runCommand, startCommand } from '../support/command-run.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { kubectlWithInput } from '../support/kubectl.ts';
import { placePod } from '../support/predictor-pods.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const STRANGER = 'stranger-token';

/** A real API server and manager; there are no pods. */
describe('mms status', () => {
  let cluster: ManagedCluster;
  let kubeconfig: string;

  const status = (...args: readonly string[]) => runCommand(['status', '--kubeconfig', kubeconfig, ...args]);
  const kubeconfigWith = async (name: string, from: string, to: string): Promise<string> => {
    const file = join(cluster.controlPlane.directory, name);
    await writeFile(file, (await readFile(kubeconfig, 'utf8')).replaceAll(from, to), { mode: 0o600 });
    return file;
  };

  beforeAll(async () => {
    cluster = await startManagedCluster({ users: [{ name: 'stranger', token: STRANGER, groups: [] }] });
    kubeconfig = cluster.controlPlane.kubeconfigPath;
    const { client } = cluster;
    const limits = { resources: { limits: { memory: '1Gi' } } };
    await createService(client, inferenceService('flowers', { sklearn: limits }));
    await createService(client, inferenceService('single', { sklearn: { storageUri: 's3://models/one' } }));
    await createModel(client, trainedModel('tulip', 'flowers', { memory: '300Mi' }));
    await createModel(client, trainedModel('oak', 'flowers', { memory: '4Gi' }));
    await createModel(client, trainedModel('stray', 'nowhere'));
    await eventually(async () => {
      const { stdout } = await status('-o', 'json');
      const { models } = JSON.parse(stdout) as { models: { name: string; phase: string }[] };
      expect(Object.fromEntries(models.map(({ name, phase }) => [name, phase]))).toEqual({
        ...{ tulip: 'NoReplicas', oak: 'MemoryResourceNotAvailable', stray: 'InferenceServiceNotFound' },
      });
    });
  });

  afterAll(() => cluster.stop());

  it('shows InferenceServices, also those that only models refer to', async () => {
    const { code, stdout, stderr } = await status();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(
      stdout
        .replace(/\b\d+m?s\b/g, 'AGE')
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/)),
    ).toEqual([
      // READY is blank: nothing writes the status of an InferenceService here.
      ['INFERENCESERVICE', 'MULTI-MODEL', 'READY', 'REPLICAS', 'LOADED', 'FAILED', 'MEMORY', 'AGE', 'NOTE'],
      ['flowers', 'yes', '0/0', '0/2', '0', '[##........] 300Mi/1Gi', 'AGE'],
      ['nowhere', '-', '-', '0/0', '0/1', '0', '-', '-', 'there is no such InferenceService'],
      ['single', 'no', '0/0', '0/0', '0', '-', 'AGE', expect.stringContaining('storageUri is set')],
      [''],
    ]);
  });

  it('shows models on request, and says which name does not exist', async () => {
    const { stdout } = await status('tm/oak', '-o', 'wide');
    expect(stdout).toMatch(/^oak .*MemoryResourceNotAvailable .* needs 4Gi/m);
    expect(stdout).not.toContain('tulip');
    const missing = await status('tullip');
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toBe(
      'mms: there is no InferenceService or TrainedModel "tullip" in namespace default; did you mean tulip?\n',
    );
    expect(await status('-n', 'empty')).toMatchObject({
      ...{ code: 0, stdout: '', stderr: 'no InferenceServices or TrainedModels in namespace empty\n' },
    });
  });

  it('prints names as kubectl does, and omits headings on request', async () => {
    const service = 'inferenceservice.serving.kserve.io';
    expect((await status('-o', 'name')).stdout).toBe(`${service}/flowers\n${service}/single\n`);
    const { stdout: names } = await status('tm/oak', '-o', 'name');
    expect(names).toBe('trainedmodel.serving.kserve.io/oak\n');
    expect(await status(names.trim(), '-o', 'name')).toMatchObject({ code: 0, stdout: names });
    const { stdout } = await status('isvc/single', '--no-headers');
    expect(stdout).toMatch(/^single +no /);
    expect((await status('-o', 'name', '--watch')).code).toBe(2);
  });

  it('prints a YAML document', async () => {
    const { stdout } = await status('single', '-o', 'yaml');
    expect(stdout).toMatch(/^version: kserve-mms\/status.v1\ninferenceServices:\n {2}- namespace: default\n/);
  });

  it('watches through broken connections, appends changes, and ends at Ctrl-C', async () => {
    const port = Number(new URL(cluster.controlPlane.server).port);
    const proxy = await startTcpProxy(port);
    const config = await kubeconfigWith('by-proxy', `:${port}`, `:${proxy.port}`);
    const watching = startCommand(['status', '--kubeconfig', config, '--models', '--watch']);
    const linesOf = (name: string) =>
      watching
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith(`${name} `)).length;
    try {
      await eventually(() => expect(linesOf('stray')).toBe(1));
      proxy.mode = 'refuse';
      proxy.cutAll();
      await eventually(() => expect(watching.stderr()).toMatch(/^not watching: .+; trying again\n$/));
      await createModel(cluster.client, trainedModel('rose', 'flowers'));
      proxy.mode = 'pass';
      await eventually(() => expect(linesOf('rose')).toBeGreaterThan(0));
      await eventually(() => expect(watching.stderr()).toContain('watching again\n'));
      await cluster.client.delete(TRAINED_MODELS, { namespace: 'default', name: 'rose' });
      await eventually(() => expect(watching.stdout()).toContain('trainedmodel/default/rose is gone\n'));
      // The lines were compared, and this one did not change.
      expect(linesOf('stray')).toBe(1);
    } finally {
      watching.interrupt();
      expect(await watching.ended).toBe(0);
      await proxy.close();
    }
  });

  it('watches as one JSON document a line', async () => {
    const watching = startCommand(['status', '--kubeconfig', kubeconfig, '-o', 'json', '--watch', 'stray']);
    await eventually(() => expect(watching.stdout()).toMatch(/\n$/));
    watching.interrupt();
    expect(await watching.ended).toBe(0);
    const [line = ''] = watching.stdout().split('\n');
    expect(JSON.parse(line)).toMatchObject({ models: [{ name: 'stray' }] });
  });

  it('names the missing right', async () => {
    const config = await kubeconfigWith('stranger', cluster.controlPlane.token, STRANGER);
    const { code, stderr } = await runCommand(['status', '--kubeconfig', config]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mms: .*User "stranger" cannot list resource "\w+" in API group .* "default"/);
    const explained = await runCommand(['explain', 'flowers', '--kubeconfig', config]);
    expect(explained.code).toBe(1);
    expect(explained.stderr).toMatch(
      /^mms: whether there is a "flowers" in namespace default is not known: TrainedModel: .*User "stranger" cannot get/,
    );
  });

  it('does not count requests of pods that it may not read, and names the missing right', async () => {
    const role = {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'reader' } },
      rules: [
        { apiGroups: ['serving.kserve.io'], resources: ['*'], verbs: ['list'] },
        { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      ],
    };
    const binding = {
      ...{ ...role, kind: 'ClusterRoleBinding', rules: undefined },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
      subjects: [{ kind: 'User', name: 'stranger' }],
    };
    const list = { apiVersion: 'v1', kind: 'List', items: [role, binding] };
    await kubectlWithInput(kubeconfig, JSON.stringify(list), ['apply', '-f', '-']);
    await placePod(cluster.client, { name: 'flowers-0', service: 'flowers', statusPort: 9082 });
    const config = await kubeconfigWith('stranger', cluster.controlPlane.token, STRANGER);
    const top = await eventually(async () => {
      const outcome = await runCommand(['top', '--kubeconfig', config]);
      expect(outcome.code).toBe(0);
      return outcome;
    });
    expect(top.stdout).toMatch(/^oak +flowers +4Gi +- +- +- +- +- +0\/1$/m);
    expect(top.stderr).toMatch(
      /^not counted: pod default\/flowers-0: .*User "stranger" cannot get resource "pods\/proxy"/,
    );
  });

  it('says how to install when the definitions are missing', async () => {
    const bare = await testControlPlane();
    try {
      const { code, stderr } = await runCommand(['status', '--kubeconfig', bare.kubeconfigPath]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/does not know this kind of object; .*kubectl apply -k manifests\/default/);
    } finally {
      await bare.stop();
    }
  });

  it('names the address when the API server does not answer', async () => {
    const config = await kubeconfigWith('nowhere', cluster.controlPlane.server, 'https://127.0.0.1:1');
    const { code, stderr } = await runCommand(['status', '--kubeconfig', config]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^mms: https:\/\/127.0.0.1:1 does not answer; is it the right cluster.*\(the API server cannot be reached: .*\)$/m,
    );
  });
});
