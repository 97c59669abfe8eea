import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeModelConfig } from '../../src/contract/model-config.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { parseQuantity } from '../../src/lib/quantity.ts';
import { conditionOf } from '../../src/contract/trained-model-status.ts';
import type { TrainedModelStatus } from '../../src/contract/trained-model-status.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS, TRAINED_MODELS } from '../../src/kube/resources.ts';
import {
  createModel,
  createService,
  inferenceService,
  readConfigMap,
  trainedModel,
} from '../support/cluster-client.ts';
import { startEmulatedAgent } from '../support/emulated-agent.ts';
import type { EmulatedAgent } from '../support/emulated-agent.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { memoryCgroup } from '../support/memory-cgroup.ts';
import type { MemoryCgroup } from '../support/memory-cgroup.ts';
import { inParallel } from '../support/parallel.ts';
import { placePod, setPodStatus } from '../support/predictor-pods.ts';
import { report } from '../support/report.ts';
import { shippedManager } from '../support/shipped-manager.ts';

/** `LIARS=1000` tries as many as one namespace may well have. */
const LIARS = Number(process.env['LIARS'] ?? 100);
const INVENTED = 19_500;
const EXISTING = 300;
const MODELS = 40;
const fails = (name: string): boolean => name.endsWith('7');

/**
 * Pods of one tenant that tell what they like, beside one that is honest; the manager with the Deployment's own
 * settings and in its memory limit.
 */
describe(`${LIARS} predictor pods that lie`, () => {
  let cluster: ManagedCluster;
  let client: ApiClient;
  let limit: MemoryCgroup | undefined;
  let liar: Server;
  let honest: EmulatedAgent;
  const connections = { count: 0 };

  beforeAll(async () => {
    const { environment, memoryLimit } = await shippedManager();
    cluster = await startManagedCluster({ env: environment });
    ({ client } = cluster);
    limit = await memoryCgroup(Number(parseQuantity(memoryLimit)!.nano / 1_000_000_000n) / 1024 / 1024);
    await limit?.add(cluster.manager.pid);
    liar = await startLiar(connections);
    honest = await startEmulatedAgent({ perSecond: 100, fails });
    await createService(client, inferenceService('evil'));
    await createService(client, inferenceService('good'));
    await inParallel(8, namesOf('evil', EXISTING), async (name) => {
      await createModel(client, trainedModel(name, 'evil', { memory: '1' }));
    });
    await placePod(client, { name: 'good-0', service: 'good', statusPort: honest.port });
    await placePod(client, {
      name: 'evil-0',
      service: 'evil',
      statusPort: (liar.address() as AddressInfo).port,
    });
    const { spec, metadata } = (await client.get(PODS, {
      namespace: 'default',
      name: 'evil-0',
    })) as KubernetesObject & {
      readonly spec: object;
    };
    const { labels, annotations, namespace } = metadata;
    await inParallel(16, namesOf('evil', LIARS).slice(1), async (name) => {
      await client.create(PODS, {
        metadata: { name, namespace, labels, annotations },
        spec,
      } as KubernetesObject);
      await setPodStatus(client, name, true);
    });
  }, 240_000);

  afterAll(async () => {
    liar.closeAllConnections();
    liar.close();
    await honest.stop();
    await cluster.stop();
    await limit?.remove();
  });

  it('leave the status of others right and in time', async () => {
    const names = namesOf('good', MODELS);
    await inParallel(8, names, async (name) => {
      await createModel(client, trainedModel(name, 'good', { memory: '1Mi' }));
    });
    const startedAt = performance.now();
    await eventually(async () => {
      const configMap = await readConfigMap(client, 'modelconfig-good-0');
      const { models } = decodeModelConfig(configMap?.data?.['models.json'] ?? '');
      expect(models.length).toBe(MODELS);
      honest.want(models);
    }, 60_000);
    await eventually(async () => {
      const { items } = await client.list(TRAINED_MODELS, { namespace: 'default' });
      const reasons = items
        .filter(({ metadata }) => metadata.name.startsWith('good'))
        .map(({ metadata, status }) => {
          const condition = conditionOf(status as TrainedModelStatus | undefined, 'ModelLoaded');
          return `${metadata.name} ${condition?.reason}`;
        });
      expect(reasons.sort()).toEqual(
        names.map((name) => `${name} ${fails(name) ? 'Failed' : 'Loaded'}`).sort(),
      );
    }, 60_000);
    report('statuses of 40 models right while others lie (s)', {
      took: (performance.now() - startedAt) / 1000,
    });
  }, 150_000);

  it('are counted, told of by name in the log, and left alone for a while', async () => {
    await eventually(async () => {
      expect(await cluster.manager.metric('mms_agent_faults_total')).toBeGreaterThanOrEqual(LIARS / 2);
    }, 120_000);
    expect(await cluster.manager.metric('mms_agent_models_ignored_total')).toBeGreaterThan(LIARS);
    expect(cluster.manager.log()).toContain('"pod":"default/evil-0"');
    expect(cluster.manager.log()).toContain('no TrainedModel asks for');
  }, 150_000);

  it('cannot end the manager', async () => {
    expect(cluster.manager.ended()).toBe(false);
    expect(await cluster.manager.ready()).toBe(true);
    if (limit === undefined) return;
    expect(await limit.killed()).toBe(0);
    report(`memory of the manager beside ${LIARS} pods that lie (MiB)`, {
      peak: await limit.peakMib(),
      connections: connections.count,
    });
  });
});

function namesOf(service: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${service}-${index}`);
}

/** Every third connection: invents models at once, one by one, or tells all there are, with messages of their own, again and again. */
function startLiar(connections: { count: number }): Promise<Server> {
  const model = (name: string, message: string): object => ({
    ...{ name, phase: 'Failed', specHash: null, reason: 'Bad', message },
  });
  const snapshot = (models: object[]): string =>
    `${JSON.stringify({
      ...{ type: 'SNAPSHOT', sequence: 1 },
      status: { version: 'kserve-mms/agent-status.v1', instance: 'i', sequence: 1, models },
    })}\n`;
  const event = (name: string, message: string): string =>
    `${JSON.stringify({ type: 'MODEL', sequence: 1, model: model(name, message) })}\n`;
  const invented = namesOf('invented', INVENTED);
  const atOnce = Buffer.from(snapshot(invented.map((name) => model(name, 'x'.repeat(300)))));
  const oneByOne = Buffer.from(snapshot([]) + invented.map((name) => event(name, 'x'.repeat(400))).join(''));
  const none = Buffer.from(snapshot([]));
  const rounds = ['one', 'two'].map((round) =>
    Buffer.from(
      namesOf('evil', EXISTING)
        .map((name) => event(name, `${round} ${'ü'.repeat(380)}`))
        .join(''),
    ),
  );
  const server = createServer((_request, response) => {
    const which = connections.count++;
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    if (which % 3 === 0) response.write(atOnce);
    else if (which % 3 === 1) response.write(oneByOne);
    else tellForEver(response, none, rounds);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function tellForEver(response: ServerResponse, first: Buffer, rounds: readonly Buffer[]): void {
  let round = 0;
  const more = (): void => {
    if (response.destroyed) return;
    const wrote = response.write(rounds[round++ % rounds.length]);
    if (wrote) setTimeout(more, 200);
    else response.once('drain', more);
  };
  response.write(first);
  more();
}
