import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import { DEPLOYMENTS, INFERENCE_SERVICES, PODS } from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import type { FoldDocument } from '../support/fold-document.ts';
import { startKServeCluster } from '../support/kserve-cluster.ts';
import type { KServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import { kservePrograms } from '../support/kserve-programs.ts';
import { kubectl } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { whileCalled } from '../support/old-name-callers.ts';
import { playNode, playProxy } from '../support/played-node.ts';
import type { PlayedNode, PlayedProxy, ServedBy } from '../support/played-node.ts';
import { startRealModelServers } from '../support/real-model-servers.ts';
import type { RealModelServers } from '../support/real-model-servers.ts';
import { MOVING, predictionAt, protocolOfModel, requestOf, STAYING } from '../support/twelve-services.ts';
import type { Protocol } from '../support/twelve-services.ts';

/**
 * KServe's manager makes Deployments and Services of twelve InferenceServices. Real MLServers and sklearnservers
 * answer, and our agent runs as shipped in front of the shared ones. Kubelet and kube-proxy are emulated;
 * test/e2e/fold.test.ts uses real ones.
 */
describe('twelve InferenceServices of three kinds', () => {
  let cluster: KServeCluster;
  let manager: TestManager;
  let servers: RealModelServers;
  let node: PlayedNode;
  let proxy: PlayedProxy;
  let requests = '';
  let report: FoldDocument;
  const before = new Map<string, string>();

  buildKServeFirst();

  beforeAll(async () => {
    servers = await startRealModelServers();
    cluster = await startKServeCluster();
    const kubeconfig = cluster.controlPlane.kubeconfigPath;
    manager = await startTestManager({ kubeconfig, args: ['--trained-model-status=beside'] });
    node = playNode(cluster.client, serve);
    proxy = await playProxy(cluster.client);
    requests = await mkdtemp(join(tmpdir(), 'kserve-mms-fold-twelve-'));
    const { module } = await kservePrograms();
    for (const name of ['mlserver', 'sklearnserver', 'tensorflow-serving'])
      await kubectl(kubeconfig, 'apply', '-f', join(module, `config/runtimes/kserve-${name}.yaml`));
    for (const name of MOVING) {
      const protocolVersion = protocolOfModel(name);
      const storageUri = servers.storageUri(name);
      await create(name, { model: { modelFormat: { name: 'sklearn' }, protocolVersion, storageUri } });
      await writeFile(join(requests, `${name}.json`), requestOf(protocolVersion));
    }
    await create('tensor', {
      model: { modelFormat: { name: 'tensorflow' }, storageUri: 's3://models/tensor' },
    });
    await create('vase', { containers: [{ name: 'kserve-container', image: 'example.com/vase:1' }] });
    for (const name of MOVING) before.set(name, await eventually(() => ask(name), 60_000));
    for (const name of Object.keys(STAYING))
      await eventually(() => expect(proxy.endpointsOf(`${name}-predictor`)).toHaveLength(1), 60_000);
  }, 600_000);

  afterAll(async () => {
    await node.stop();
    await proxy.stop();
    await servers.stop();
    await manager.stop();
    await cluster.stop();
    await rm(requests, { recursive: true, force: true });
  });

  async function create(name: string, predictor: object): Promise<void> {
    // The API server calls a new webhook a moment after its registration.
    await eventually(() => createService(cluster.client, inferenceService(name, predictor)));
  }

  async function serve(deployment: string): Promise<ServedBy> {
    const name = deployment.replace(/-predictor$/, '');
    const group = name.endsWith('-shared') || /-shared-\d+$/.test(name);
    if (!group) return servers.own(protocolOfModel(name));
    const protocol = report.groups.find((one) => one.name === name)?.protocol ?? 'v2';
    return servers.shared(cluster.client, name, protocol);
  }

  const ask = (name: string): Promise<string> => predictionAt(proxy.pick(`${name}-predictor`), name);
  const fold = (...args: readonly string[]) =>
    runCommand(['fold', '--kubeconfig', cluster.controlPlane.kubeconfigPath, ...args]);
  const called = <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const expected = (name: string) => before.get(name);
    return whileCalled(what, { names: MOVING, callers: 8, pauseMs: 50, ask, expected }, work);
  };
  const endpoints = (): number[] => MOVING.map((name) => proxy.endpointsOf(`${name}-predictor`).length);
  const pods = async (): Promise<number> =>
    (await cluster.client.list(PODS, { namespace: 'default' })).items.length;
  const moved = async (...args: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await fold(...args);
    if (code !== 0) throw new Error(`${stdout}\n${stderr}`);
  };

  it('appear in the report with the exact number of pods', async () => {
    const { code, stdout, stderr } = await fold('-o', 'json');
    if (code !== 0) throw new Error(stderr);
    report = JSON.parse(stdout) as FoldDocument;
    expect(Object.fromEntries(report.alone.map(({ name, code: why }) => [name, why]))).toEqual(STAYING);
    const names = report.groups.map(({ protocol, models }) => [protocol, models.map(({ name }) => name)]);
    const ofProtocol = (wanted: Protocol) => MOVING.filter((name) => protocolOfModel(name) === wanted);
    expect(Object.fromEntries(names)).toEqual({ v1: ofProtocol('v1'), v2: ofProtocol('v2') });
    const { before: had, after: has } = report.total;
    expect([had.pods, has.pods]).toEqual([10, 2]);
    expect(await pods()).toBe(had.pods + report.alone.length);
  });

  it('move while clients call the old names, and give the same answers', async () => {
    await called('twelve: fold --apply', () => moved('--apply', ...MOVING, '--requests', requests));
    // As kube-proxy: it sees the last endpoints a moment later.
    await eventually(() => expect(endpoints()).toEqual(MOVING.map(() => 2)), 60_000);
    await called('twelve: fold --retire', async () => {
      await moved('--retire', ...MOVING);
      await eventually(() => expect(endpoints()).toEqual(MOVING.map(() => 1)), 60_000);
    });
    expect(await pods()).toBe(report.total.after.pods + report.alone.length);
    for (const name of MOVING) expect([name, await ask(name)]).toEqual([name, before.get(name)]);
  }, 480_000);

  it('move back while clients call the old names', async () => {
    await called('twelve: fold --undo', () => moved('--undo', ...MOVING));
    expect(endpoints()).toEqual(MOVING.map(() => 1));
    for (const name of MOVING) {
      const key = { namespace: 'default', name: `${name}-predictor` };
      expect((await cluster.client.get(DEPLOYMENTS, key)).spec?.replicas).toBe(1);
      expect([name, await ask(name)]).toEqual([name, before.get(name)]);
    }
    for (const { name } of report.groups)
      expect(
        await getIfThere(cluster.client, INFERENCE_SERVICES, { namespace: 'default', name }),
      ).toBeUndefined();
    await eventually(async () => expect(await pods()).toBe(12), 60_000);
  }, 480_000);
});
