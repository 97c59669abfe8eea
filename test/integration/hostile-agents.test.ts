import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
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
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { placePod, setPodStatus } from '../support/predictor-pods.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { shippedManager } from '../support/shipped-manager.ts';
import { sized } from '../support/tier.ts';

/** `soak` uses as many pods as one namespace may have. */
const LIARS = sized({ check: 100, soak: 1_000 });
const INVENTED = 19_500;
const EXISTING = 300;
const MODELS = 40;
const fails = (name: string): boolean => name.endsWith('7');

/**
 * One tenant's pods lie, another tenant is honest. The manager has the settings and memory limit of the Deployment.
 */
describe(`${LIARS} predictor pods that lie`, () => {
  let cluster: ManagedCluster;
  let client: ApiClient;
  let limit: MemoryCgroup | undefined;
  let liar: Awaited<ReturnType<typeof startLiar>>;
  let honest: EmulatedAgent;
  let calm: number;

  /** The 99th percentile of sixty pods created one after another. It throws when a pod is refused or gets no agent. */
  async function slowestPod(): Promise<number> {
    const times: number[] = [];
    for (let count = 0; count < 60; count += 1) {
      const began = performance.now();
      expect(await dryRunContainers(client, predictorPod('p', 'good'))).toContain('agent');
      times.push(performance.now() - began);
    }
    return quantile(times, 0.99);
  }

  beforeAll(async () => {
    const { environment, memoryLimit } = await shippedManager();
    cluster = await startManagedCluster({ env: environment });
    ({ client } = cluster);
    limit = await memoryCgroup(Number(parseQuantity(memoryLimit)!.nano / 1_000_000_000n) / 1024 / 1024);
    await limit?.add(cluster.manager.pid);
    liar = await startLiar();
    honest = await startEmulatedAgent({ perSecond: 100, fails });
    await createService(client, inferenceService('evil'));
    await createService(client, inferenceService('good'));
    await eventually(slowestPod);
    calm = await slowestPod();
    await inParallel(8, namesOf('evil', EXISTING), async (name) => {
      await createModel(client, trainedModel(name, 'evil', { memory: '1' }));
    });
    await placePod(client, { name: 'good-0', service: 'good', statusPort: honest.port });
    await placePod(client, { name: 'evil-0', service: 'evil', statusPort: liar.port });
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
    liar.stop();
    await honest.stop();
    await cluster.stop();
    await limit?.remove();
  });

  it('do not delay or falsify the status of other models', async () => {
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
    }, 30_000);
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
    }, 30_000);
    report('statuses of 40 models right while others lie (s)', {
      took: (performance.now() - startedAt) / 1000,
    });
  }, 150_000);

  it('are counted, named in the log, and backed off from', async () => {
    // The manager tries the pods of one InferenceService at most three times a second in all.
    await eventually(async () => {
      expect(await cluster.manager.metric('mms_agent_faults_total')).toBeGreaterThanOrEqual(50);
    }, 120_000);
    expect(await cluster.manager.metric('mms_agent_models_ignored_total')).toBeGreaterThan(LIARS);
    expect(cluster.manager.log()).toContain('"pod":"default/evil-0"');
    expect(cluster.manager.log()).toContain('without a TrainedModel');
  }, 150_000);

  it('do not delay the creation of pods', async () => {
    const p99 = await slowestPod();
    report(`pods beside ${LIARS} pods that lie (ms)`, { calm, p99, times: p99 / calm });
    expect(p99).toBeLessThanOrEqual(Math.max(10 * calm, 1_000));
  });

  it('cannot crash the manager', async () => {
    expect(cluster.manager.ended()).toBe(false);
    expect(await cluster.manager.ready()).toBe(true);
    if (limit === undefined) return;
    expect(await limit.killed()).toBe(0);
    report(`memory of the manager beside ${LIARS} pods that lie (MiB)`, {
      peak: await limit.peakMib(),
    });
  });
});

function namesOf(service: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${service}-${index}`);
}

const PROGRAM = fileURLToPath(new URL('../support/lying-agent.ts', import.meta.url));

async function startLiar(): Promise<{ readonly port: number; stop(): void }> {
  const child = spawn(process.execPath, [PROGRAM, namesOf('evil', EXISTING).join(), String(INVENTED)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(port), stop: () => void child.kill('SIGKILL') };
}
