import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { binaryOptions } from '../../src/cli/binary-options.ts';
import { findBinaries } from '../../src/development/controlplane/binaries.ts';
import { identifyProcess } from '../../src/development/controlplane/process-identity.ts';
import { eventually } from '../support/eventually.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'mms.js');

let cacheHome: string;
let assets: string;

beforeAll(async () => {
  cacheHome = await mkdtemp(join(tmpdir(), 'cluster-test-'));
  assets = (await findBinaries(binaryOptions(process.env, (line) => process.stderr.write(`${line}\n`))))
    .directory;
});
afterAll(async () => {
  await mms('cluster', 'down');
  await rm(cacheHome, { recursive: true });
});

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a user would, with its own cache. */
function mms(...args: string[]): Promise<Result> {
  const env = { ...process.env, XDG_CACHE_HOME: cacheHome, KUBEBUILDER_ASSETS: assets };
  return new Promise((resolve) => {
    execFile(process.execPath, [LAUNCHER, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function pidsIn(status: string): number[] {
  const [, etcd, apiserver] = /etcd (\d+), kube-apiserver (\d+)/.exec(status) ?? [];
  return [Number(etcd), Number(apiserver)];
}

describe('mms cluster', () => {
  it.each(['env', 'status'])('%s says how to start a cluster when there is none', async (command) => {
    const { code, stdout, stderr } = await mms('cluster', command);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/start it with: \S*mms(\.js)? cluster up/);
  });

  it('up starts a cluster, a second up finds it, and down removes it', async () => {
    const up = await mms('cluster', 'up');
    const kubeconfig = join(cacheHome, 'kserve-mms', 'cluster', 'default', 'kubeconfig');
    expect(up).toMatchObject({ code: 0, stdout: `export KUBECONFIG=${kubeconfig}\n` });
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    expect((await config.makeApiClient(CoreV1Api).listNamespace()).items.length).toBeGreaterThan(0);

    const status = await mms('cluster', 'status');
    const again = await mms('cluster', 'up');
    expect(again).toMatchObject({ code: 0, stdout: up.stdout });
    expect(again.stderr).toMatch(/runs already/);
    expect(await mms('cluster', 'status')).toEqual(status);
    expect(await mms('cluster', 'env')).toEqual({ code: 0, stdout: up.stdout, stderr: '' });

    expect(await mms('cluster', 'down')).toMatchObject({ code: 0, stdout: '' });
    for (const pid of pidsIn(status.stdout)) expect(await identifyProcess(pid)).toBeUndefined();
    expect(existsSync(kubeconfig)).toBe(false);
    expect((await mms('cluster', 'down')).stderr).toMatch(/no cluster to stop/);
  });

  it('removes a deleted namespace and its objects, so that it can be created again', async () => {
    await mms('cluster', 'up');
    const config = new KubeConfig();
    config.loadFromFile(join(cacheHome, 'kserve-mms', 'cluster', 'default', 'kubeconfig'));
    const core = config.makeApiClient(CoreV1Api);
    const metadata = { name: 'flowers' };
    const left = async (): Promise<string[]> =>
      (await core.listNamespacedConfigMap({ namespace: 'flowers' })).items.map((map) => map.metadata!.name!);
    for (const finalizers of [[], ['example.com/kept']]) {
      await core.createNamespace({ body: { metadata } });
      await core.createNamespacedConfigMap({
        namespace: 'flowers',
        body: { metadata: { name: 'petals', finalizers } },
      });
      await core.deleteNamespace(metadata);
      // An object with a finalizer keeps its namespace until the finalizer is removed, as in any cluster.
      if (finalizers.length > 0) {
        await eventually(async () =>
          expect(await core.readNamespacedConfigMap({ namespace: 'flowers', name: 'petals' })).toMatchObject({
            metadata: { deletionTimestamp: expect.anything() },
          }),
        );
        expect(await left()).toEqual(['petals']);
        const patch = [{ op: 'remove', path: '/metadata/finalizers' }];
        await core.patchNamespacedConfigMap({ namespace: 'flowers', name: 'petals', body: patch });
      }
      await eventually(
        () => expect(core.readNamespace(metadata)).rejects.toMatchObject({ code: 404 }),
        20_000,
      );
    }
    expect((await mms('cluster', 'down')).code).toBe(0);
  });

  it('up replaces a cluster with a killed process', async () => {
    await mms('cluster', 'up', '--name', 'second');
    const [etcd, apiserver] = pidsIn((await mms('cluster', 'status', '--name', 'second')).stdout);
    process.kill(apiserver!, 'SIGKILL');
    const env = await mms('cluster', 'env', '--name', 'second');
    expect(env.code).toBe(1);
    expect(env.stderr).toMatch(/mms(\.js)? cluster up --name second/);
    expect((await mms('cluster', 'up', '--name', 'second')).code).toBe(0);
    expect(await identifyProcess(etcd!)).toBeUndefined();
    expect((await mms('cluster', 'status', '--name', 'second')).code).toBe(0);
    expect((await mms('cluster', 'down', '--name', 'second')).code).toBe(0);
  });

  it.each([
    ['a name that would lead out of the cache', ['cluster', 'up', '--name', '../x'], /lower-case letters/],
    ['a command that does not exist', ['clustr'], /Did you mean cluster/],
    ['a subcommand that does not exist', ['cluster', 'stat'], /Did you mean (status|start)/],
  ])('refuses %s with exit code 2', async (_what, args, message) => {
    const { code, stdout, stderr } = await mms(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
