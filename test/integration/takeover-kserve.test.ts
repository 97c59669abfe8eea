import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainedModel } from '../../src/contract/trained-model.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, LEASES, TRAINED_MODELS } from '../../src/kube/resources.ts';
import type { Lease } from '../../src/kube/resources.ts';
import { createModel, modelNames, trainedModel } from '../support/cluster-client.ts';
import { pasteWithKubectl, shellBlocksOf } from '../support/page.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { startKServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import type { KServeCluster } from '../support/kserve-cluster.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { report } from '../support/report.ts';

const PAGE = 'docs/beside-kserve.md';
const TOKEN = 'the-manager';
const USER = 'system:serviceaccount:kserve-mms-system:kserve-mms-manager';
const LEASE = { namespace: 'kserve', name: 'kserve-controller-manager-leader-lock' };
const OURS = 'kserve-mms/kserve-mms-system';
const ALLOCATED = { inferenceservice: 'sk', 'serving.kserve.io/trainedmodel-allocated': 'sk' };

/** Each step continues from the one before, as an operator's steps do. */
describe("taking over from KServe's controller, and giving back", () => {
  let cluster: KServeCluster;
  let manager: TestManager;
  let kubeconfig: string;

  buildKServeFirst();

  beforeAll(async () => {
    const users = [{ name: USER, token: TOKEN, groups: [] }];
    cluster = await startKServeCluster({ leaderElection: true, users });
    kubeconfig = cluster.controlPlane.kubeconfigPath;
    await cluster.predictor('sk');
    await cluster.predictor('going');
    for (const name of ['a', 'b', 'c']) await createModel(cluster.client, trainedModel(name, 'sk'));
    await createModel(cluster.client, trainedModel('orphan', 'going'));
    for (const name of ['a', 'b', 'c', 'orphan'])
      await eventually(async () => {
        expect((await model(name))?.metadata.finalizers).toEqual(['trainedmodel.finalizer']);
      });
    await eventually(async () => expect(await modelNames(cluster.client, 'sk')).toEqual(['a', 'b', 'c']));
  }, 300_000);

  afterAll(async () => {
    await manager.kill('SIGKILL');
    await cluster.stop();
  });

  const model = (name: string): Promise<TrainedModel | undefined> =>
    getIfThere(cluster.client, TRAINED_MODELS, { namespace: 'default', name });
  const lease = (): Promise<Lease | undefined> => getIfThere(cluster.client, LEASES, LEASE);
  const holder = async (): Promise<string | undefined> => (await lease())?.spec?.holderIdentity;
  const remove = (name: string): Promise<void> =>
    cluster.client.delete(TRAINED_MODELS, { namespace: 'default', name });
  const gone = (name: string): Promise<void> =>
    eventually(async () => expect(await model(name)).toBeUndefined());
  const hasModels = (names: readonly string[]): Promise<void> =>
    eventually(async () => expect(await modelNames(cluster.client, 'sk')).toEqual(names));

  /** Starts the manager as in a cluster, with exactly the rights of the manifests. */
  async function startWithOwnRights(): Promise<TestManager> {
    const admin = await readFile(kubeconfig, 'utf8');
    const own = join(cluster.controlPlane.directory, 'manager.kubeconfig');
    await writeFile(own, admin.replace(cluster.controlPlane.token, TOKEN), { mode: 0o600 });
    return startTestManager({ kubeconfig: own, inCluster: true, args: ['--kserve=takeover'] });
  }

  it("refuses to start while KServe's controller holds its lease, and names the holder and the remedy", async () => {
    const refused = await startTestManager({
      kubeconfig,
      args: ['--kserve=takeover'],
      waitUntilReady: false,
    });
    const kserve = (await holder()) ?? 'nobody';
    await eventuallyTrue('it has ended', () => refused.ended());
    expect(await refused.stop()).toBe(1);
    expect(refused.log()).toContain(kserve);
    expect(refused.log()).toContain('manifests/overlays/takeover-kserve');
    expect(await holder()).toBe(kserve);
  });

  it('one command to take over: KServe stops, waits, and still answers its webhooks', async () => {
    const started = performance.now();
    const [enter = ''] = await shellBlocksOf(PAGE, 'Takeover');
    await pasteWithKubectl(kubeconfig, enter);
    manager = await startWithOwnRights();
    await eventuallyTrue("KServe's leader has ended", () => cluster.kserve().hasEnded());
    report('taking over from KServe', { 'until its leader has ended ms': performance.now() - started });
    // Does what kubelet does.
    await cluster.startAgain();
    expect(cluster.kserve().log()).not.toContain('successfully acquired lease');
    expect(await holder()).toBe(OURS);
  });

  it("KServe's finalizers are removed, its labels stay", async () => {
    for (const name of ['a', 'b', 'c']) {
      await eventually(async () => {
        const { metadata } = (await model(name))!;
        expect(metadata.finalizers).toBeUndefined();
        expect(metadata.labels).toMatchObject(ALLOCATED);
        // A write that KServe's webhooks refuse during the restart of its manager is retried, at the latest every 30 s.
      }, 90_000);
    }
  });

  it("a finalizer that KServe's leader adds in its last moment is removed too", async () => {
    const body = { metadata: { finalizers: ['trainedmodel.finalizer'] } };
    await cluster.client.patch(TRAINED_MODELS, { namespace: 'default', name: 'a' }, { type: 'merge', body });
    await eventually(async () => expect((await model('a'))?.metadata.finalizers).toBeUndefined());
  });

  it('a new model is served and labelled, a deleted one is gone at once', async () => {
    await createModel(cluster.client, trainedModel('d', 'sk'));
    await hasModels(['a', 'b', 'c', 'd']);
    await eventually(async () => expect((await model('d'))?.metadata.labels).toMatchObject(ALLOCATED));
    await remove('a');
    await gone('a');
    await hasModels(['b', 'c', 'd']);
  });

  it('a model over the memory limit is not labelled', async () => {
    await createModel(cluster.client, trainedModel('huge', 'sk', { memory: '1Ti' }));
    await eventually(async () => {
      expect((await model('huge'))?.metadata.labels).toEqual({ inferenceservice: 'sk' });
    });
    await hasModels(['b', 'c', 'd']);
    await remove('huge');
  });

  it('an InferenceService can be deleted without its models', async () => {
    const going = { namespace: 'default', name: 'going' };
    await cluster.client.delete(INFERENCE_SERVICES, going);
    await eventually(async () => {
      expect(await getIfThere(cluster.client, INFERENCE_SERVICES, going)).toBeUndefined();
    });
    expect((await model('orphan'))?.metadata.deletionTimestamp).toBeUndefined();
    await remove('orphan');
    await gone('orphan');
  });

  it('gets no 403', async () => {
    expect(await manager.metric('mms_api_requests_total', { code: '403' })).toBe(0);
  });

  it('writes nothing while another candidate holds the lease, and returns when it is free', async () => {
    // Otherwise KServe could acquire it next.
    await cluster.kserve().kill('SIGKILL');
    const body = { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 10 } };
    await cluster.client.patch(LEASES, LEASE, { type: 'merge', body });
    await eventuallyTrue('it has stood down', () => manager.log().includes('was lost'));
    const damage = { type: 'merge', body: { data: { 'models.json': '[]' } } } as const;
    await cluster.client.patch(CONFIG_MAPS, { namespace: 'default', name: 'modelconfig-sk-0' }, damage);
    let looks = 0;
    for (;;) {
      const names = await modelNames(cluster.client, 'sk');
      if ((await holder()) !== 'somebody') break;
      expect(names).toEqual([]);
      looks += 1;
    }
    expect(looks).toBeGreaterThan(10);
    expect(await manager.ready()).toBe(true);
    await hasModels(['b', 'c', 'd']);
    expect(await holder()).toBe(OURS);
    await cluster.startAgain();
  });

  it('one command to give back: KServe has its lease and finalizers, and every model still exists', async () => {
    const started = performance.now();
    const [, leave = ''] = await shellBlocksOf(PAGE, 'Takeover');
    // Without a controller-manager a namespace is never deleted.
    await pasteWithKubectl(kubeconfig, `${leave.trim()} --wait=false`);
    await manager.kill('SIGKILL');
    await eventuallyTrue('KServe leads', () =>
      cluster.kserve().log().includes('successfully acquired lease'),
    );
    report('giving back to KServe', { 'until it leads ms': performance.now() - started });
    await eventually(async () => {
      expect((await model('b'))?.metadata.finalizers).toEqual(['trainedmodel.finalizer']);
    });
    await hasModels(['b', 'c', 'd']);
    await remove('b');
    await gone('b');
    await hasModels(['c', 'd']);
  });
});
