import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PODS } from '../../src/kube/resources.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { train } from '../support/mlserver.ts';
import { addressOfThisMachine } from '../support/played-node.ts';
import { startSklearnserver, testSklearnserver } from '../support/sklearnserver.ts';
import type { TestSklearnserver } from '../support/sklearnserver.ts';

/** What the models answer on their own servers and on the shared server. */
const ANSWERS = { rose: { own: 1, shared: 1 }, tulip: { own: 1, shared: 2 } } as const;
type Model = keyof typeof ANSWERS;
const MODELS = Object.keys(ANSWERS) as Model[];

/** A real API server, which proxies requests to real model servers. It refuses loopback addresses. */
describe('mms fold --compare with real model servers', () => {
  let cluster: ManagedCluster;
  let root = '';
  const servers: TestSklearnserver[] = [];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-answers-'));
    const { python } = await testSklearnserver();
    const [own, shared] = await Promise.all([serve('own', python), serve('shared', python)]);
    cluster = await startManagedCluster();
    const { client } = cluster;
    const v1 = { protocolVersion: 'v1' };
    await createService(client, inferenceService('sklearn-shared', { sklearn: v1 }));
    for (const name of MODELS) {
      await createService(
        client,
        inferenceService(name, { sklearn: { ...v1, storageUri: `s3://a/${name}` } }),
      );
      await createModel(client, trainedModel(name, 'sklearn-shared'));
      await placeServer(name, own.port);
      await writeFile(join(root, `${name}.json`), '{"instances": [[3]]}');
    }
    await placeServer('sklearn-shared', shared.port);
  }, 300_000);
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await cluster.stop();
    await rm(root, { recursive: true, force: true });
  });

  async function serve(which: 'own' | 'shared', python: string): Promise<TestSklearnserver> {
    const models = join(root, which);
    for (const name of MODELS) {
      await mkdir(join(models, name), { recursive: true });
      await writeFile(join(models, name, 'model.joblib'), await train(python, ANSWERS[name][which]));
    }
    const server = await startSklearnserver(models);
    servers.push(server);
    for (const name of MODELS)
      await eventually(async () => {
        const url = `http://127.0.0.1:${server.port}/v2/repository/models/${name}/load`;
        const { ok, status } = await fetch(url, { method: 'POST' });
        if (!ok) throw new Error(`the model ${name} is not loaded: ${status}`);
      }, 120_000);
    return server;
  }

  /** A running pod at this machine's address. No agent is in front of the server. */
  async function placeServer(service: string, containerPort: number): Promise<void> {
    const pod = {
      metadata: {
        ...{ name: `${service}-0`, namespace: 'default' },
        labels: { 'serving.kserve.io/inferenceservice': service, component: 'predictor' },
        annotations: { 'internal.serving.kserve.io/agent': 'false' },
      },
      spec: {
        nodeName: 'nowhere',
        containers: [{ name: 'kserve-container', image: 'sklearnserver', ports: [{ containerPort }] }],
      },
    };
    const created = await cluster.client.create(PODS, pod);
    const podIP = addressOfThisMachine();
    const conditions = [{ type: 'Ready', status: 'True' }];
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions };
    await cluster.client.patch(
      PODS,
      created.metadata,
      { type: 'merge', body: { status } },
      { subresource: 'status' },
    );
  }

  const compare = (...args: readonly string[]) =>
    runCommand(['fold', '--kubeconfig', cluster.controlPlane.kubeconfigPath, '--compare', root, ...args]);

  it('reports only the model that was trained on other data', async () => {
    const { code, stdout, stderr } = await compare();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^rose +sklearn-shared +rose\.json +Alike$/m);
    expect(stdout).toMatch(
      /^tulip +sklearn-shared +tulip\.json +ValuesDiffer +predictions\[0\] is 1 before, 2 now$/m,
    );
    expect(stderr).toMatch(/1 of 2 models must not be moved yet: tulip\n/);
  });

  it('succeeds for models with equal answers', async () => {
    expect((await compare('rose')).code).toBe(0);
  });

  it('reports a request that the server refuses', async () => {
    await writeFile(join(root, 'rose.bad.json'), '{"instances": "none"}');
    const { code, stdout } = await compare('rose');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^rose .* RequestRefused /m);
  });
});
