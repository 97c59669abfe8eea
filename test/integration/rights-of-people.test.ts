import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, kubectlWithInput } from '../support/kubectl.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';

const PEOPLE = ['view', 'edit', 'admin'] as const;
type Person = (typeof PEOPLE)[number];
const MANIFESTS = fileURLToPath(new URL('../../manifests/rbac/people', import.meta.url));
/** As in Kubernetes: edit includes view, and admin includes both. */
const HELD: Readonly<Record<Person, readonly Person[]>> = {
  view: ['view'],
  edit: ['view', 'edit'],
  admin: ['view', 'edit', 'admin'],
};

/**
 * A real API server with its own ClusterRoles and those of this project. No controller aggregates ClusterRoles here,
 * so each user is bound to the roles that the aggregation labels select.
 */
describe('users with the default ClusterRoles of Kubernetes', () => {
  let cluster: ManagedCluster;
  const configs = new Map<Person, string>();

  beforeAll(async () => {
    const users = PEOPLE.map((name) => ({ name, token: `token-of-${name}`, groups: [] }));
    cluster = await startManagedCluster({ users });
    const { kubeconfigPath, token, directory } = cluster.controlPlane;
    await kubectl(kubeconfigPath, 'apply', '-k', MANIFESTS);
    const config = await readFile(kubeconfigPath, 'utf8');
    for (const name of PEOPLE) {
      configs.set(name, join(directory, `${name}.kubeconfig`));
      await writeFile(configs.get(name)!, config.replace(token, `token-of-${name}`));
      for (const held of HELD[name]) await bindAll(name, held);
    }
    await createService(cluster.client, inferenceService('sk', { sklearn: {} }));
  });
  afterAll(() => cluster.stop());

  async function bindAll(user: Person, held: Person): Promise<void> {
    const { kubeconfigPath } = cluster.controlPlane;
    const label = `rbac.authorization.k8s.io/aggregate-to-${held}=true`;
    const names = await kubectl(kubeconfigPath, 'get', 'clusterroles', '-l', label, '-o', 'name');
    const items = names
      .trim()
      .split('\n')
      .map((line) => line.replace(/^.*\//, ''))
      .map((role) => ({
        ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' },
        metadata: { name: `${user}-${role.replaceAll(':', '-')}`, namespace: 'default' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      }));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await kubectlWithInput(kubeconfigPath, list, ['apply', '-f', '-']);
  }

  const mms = (person: Person, ...line: readonly string[]) =>
    runCommand(['--kubeconfig', configs.get(person)!, ...line]);
  const load = (person: Person) =>
    mms(person, ...'load tulip -i sk -u s3://b/m --framework sklearn --memory 1Mi --no-wait'.split(' '));

  it('view can read and change nothing', async () => {
    await eventually(async () => expect(await mms('view', 'status')).toMatchObject({ code: 0 }));
    const explained = await mms('view', 'explain', 'isvc/sk', '-o', 'json');
    expect(explained.stdout).toContain('"kind": "InferenceService"');
    expect(await load('view')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/User "view" cannot patch resource "trainedmodels"/),
    });
    expect((await mms('view', 'version')).stdout).toMatch(/\nagents: none\n/);
    const folded = await mms('view', 'fold');
    expect(folded).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^default\/sk +AlreadyMultiModel /m),
    });
    expect(folded.stderr).toMatch(
      /^note: ClusterServingRuntimes cannot be read .*: KServe's own are assumed$/m,
    );
  });

  it('edit can load and unload, and cannot create runtimes', async () => {
    await eventually(async () => expect(await load('edit')).toMatchObject({ code: 0 }));
    expect(await mms('edit', 'unload', 'tulip')).toMatchObject({ code: 0 });
    const canI = (person: Person) =>
      kubectl(configs.get(person)!, 'auth', 'can-i', 'create', 'servingruntimes').catch(() => 'no');
    expect((await canI('edit')).trim()).toBe('no');
    expect((await canI('admin')).trim()).toBe('yes');
  });
});
