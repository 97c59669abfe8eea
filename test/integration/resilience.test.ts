import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/lib/system-clock.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { objectKey } from '../../src/contract/kubernetes.ts';
import { decodeModelConfig } from '../../src/contract/model-config.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { isApiError } from '../../src/kube/api-error.ts';
import { startReflector } from '../../src/kube/reflector.ts';
import type { Reflector } from '../../src/kube/reflector.ts';
import type { ConfigMap } from '../../src/contract/kubernetes.ts';
import { CONFIG_MAPS, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { clientFor } from '../support/api-access.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { inParallel } from '../support/parallel.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import { report } from '../support/report.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { sized } from '../support/tier.ts';

/** The manager's connections are cut every second for this long. */
const CUT_SECONDS = sized({ check: 15, soak: 60 });
const STABLE = Array.from({ length: 20 }, (_, index) => `stable-${String(index).padStart(2, '0')}`);

/** The manager connects to the API server through a proxy that can fail. The test connects directly. */
describe('models.json through failures of the API server and of connections to it', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let proxy: TcpProxy;
  let manager: TestManager;
  let history: ModelHistory;
  let counter = 0;
  let service = '';

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    proxy = await startTcpProxy(Number(new URL(controlPlane.server).port));
  });

  beforeEach(async () => {
    counter += 1;
    service = `svc-${counter}`;
    proxy.mode = 'pass';
    manager = await startTestManager({ kubeconfig: await proxiedKubeconfig(controlPlane, proxy.port) });
    await createService(client, inferenceService(service));
    await inParallel(8, STABLE, async (name) => {
      await createModel(client, trainedModel(`${service}-${name}`, service));
    });
    await eventually(async () => expect(await modelNames(client, service)).toHaveLength(STABLE.length));
    history = await followModels(client, service);
  });

  afterEach(async () => {
    await history.stop();
    await manager.stop();
  });

  afterAll(async () => {
    await proxy.close();
    await client.close();
    await controlPlane.stop();
  });

  /** The final state: exactly the existing models, no stable model ever missing, no unhandled error. */
  async function expectAllWell(): Promise<void> {
    await eventually(async () => {
      const { items } = await client.list(TRAINED_MODELS, { namespace: 'default' });
      const wanted = items
        .filter(({ spec }) => spec?.inferenceService === service)
        .map(({ metadata }) => metadata.name);
      expect(await modelNames(client, service)).toEqual(wanted.sort());
    }, 60_000);
    const stable = STABLE.map((name) => `${service}-${name}`);
    const losses = history.versions().filter((names) => !stable.every((name) => names.has(name)));
    expect(losses).toEqual([]);
    expect(manager.log()).not.toMatch(/unhandled|uncaught/i);
    await eventually(async () => expect(await manager.ready()).toBe(true));
  }

  it('survives kill -9 and restart of the API server during 500 changes', async () => {
    const changes = Array.from({ length: 500 }, (_, index) => index);
    const churn = inParallel(8, changes, (index) => change(client, service, index));
    for (let kill = 0; kill < 2; kill += 1) {
      await delay(300);
      await controlPlane.killApiServer();
      await controlPlane.startApiServer();
    }
    await churn;
    await expectAllWell();
    report('500 changes with two kills of the API server', { 'versions seen': history.versions().length });
  });

  it(`survives its connections being cut every second for ${CUT_SECONDS} s`, async () => {
    const until = performance.now() + CUT_SECONDS * 1000;
    let index = 0;
    const churn = async (): Promise<void> => {
      while (performance.now() < until) await change(client, service, index++);
    };
    let cuts = 0;
    const cutter = async (): Promise<void> => {
      while (performance.now() < until) {
        await delay(1000);
        proxy.cutAll();
        cuts += 1;
      }
    };
    await Promise.all([churn(), cutter()]);
    await expectAllWell();
    report(`connections cut every second for ${CUT_SECONDS} s`, { cuts, changes: index });
  });

  it('lists again when its resource version has expired (410 Gone)', async () => {
    proxy.mode = 'refuse';
    proxy.cutAll();
    await inParallel(
      8,
      Array.from({ length: 100 }, (_, index) => index),
      (index) => change(client, service, index),
    );
    // A restarted API server keeps no history, so the former watches are too old for it.
    await controlPlane.killApiServer();
    await controlPlane.startApiServer();
    const lists = await manager.metric('mms_reflector_events_total', {
      resource: 'trainedmodels',
      event: 'listed',
    });
    proxy.mode = 'pass';
    await expectAllWell();
    await eventually(async () =>
      expect(
        await manager.metric('mms_reflector_events_total', { resource: 'trainedmodels', event: 'listed' }),
      ).toBeGreaterThan(lists),
    );
  });

  it('becomes ready once the API server answers, after failed lists', async () => {
    await manager.stop();
    proxy.mode = 'refuse';
    const kubeconfig = await proxiedKubeconfig(controlPlane, proxy.port);
    manager = await startTestManager({ kubeconfig, waitUntilReady: false });
    await eventually(() => expect(manager.log()).toContain('trying again'));
    expect(await manager.ready()).toBe(false);
    await createModel(client, trainedModel(`${service}-late`, service));
    proxy.mode = 'pass';
    await expectAllWell();
  });
});

/** One change of the churn, retried until the API server accepts it: creates, deletes or recreates a passing model. */
async function change(client: ApiClient, service: string, index: number): Promise<void> {
  const name = `${service}-churn-${index % 50}`;
  await eventually(
    async () => {
      try {
        if (index % 3 === 2) await client.delete(TRAINED_MODELS, { namespace: 'default', name });
        else await createModel(client, trainedModel(name, service));
      } catch (thrown) {
        if (!isApiError(thrown, 'API_NOT_FOUND', 'API_ALREADY_EXISTS')) throw thrown;
      }
    },
    60_000,
    100,
  );
}

async function proxiedKubeconfig(controlPlane: ControlPlane, port: number): Promise<string> {
  const text = await readFile(controlPlane.kubeconfigPath, 'utf8');
  const path = join(controlPlane.directory, 'proxied.kubeconfig');
  await writeFile(path, text.replace(controlPlane.server, `https://127.0.0.1:${port}`), { mode: 0o600 });
  return path;
}

interface ModelHistory {
  versions(): readonly ReadonlySet<string>[];
  stop(): Promise<void>;
}

/** Every models.json of the ConfigMap from now on that a watch delivers. */
async function followModels(client: ApiClient, service: string): Promise<ModelHistory> {
  const versions: ReadonlySet<string>[] = [];
  const reflector: Reflector<ConfigMap> = startReflector({
    ...{ client, clock: systemClock, random: Math.random, logger: quietLogger },
    resource: CONFIG_MAPS,
    namespace: 'default',
    fieldSelector: `metadata.name=modelconfig-${service}-0`,
  });
  reflector.subscribe((delta) => {
    if (delta.type === 'synced') return;
    const text = delta.type === 'deleted' ? '' : (delta.object.data?.['models.json'] ?? '');
    versions.push(new Set(decodeModelConfig(text).models.map(({ modelName }) => modelName)));
  });
  await reflector.synced;
  expect(reflector.cache.get(objectKey('default', `modelconfig-${service}-0`))).toBeDefined();
  return { versions: () => versions, stop: () => reflector.stop() };
}
