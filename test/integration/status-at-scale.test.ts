import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeModelConfig } from '../../src/contract/model-config.ts';
import { conditionOf } from '../../src/contract/trained-model-status.ts';
import type { TrainedModelStatus } from '../../src/contract/trained-model-status.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { TRAINED_MODELS } from '../../src/kube/resources.ts';
import { startReflector } from '../../src/kube/reflector.ts';
import type { Reflector } from '../../src/kube/reflector.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import type { TrainedModel } from '../../src/contract/trained-model.ts';
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
import { inParallel } from '../support/parallel.ts';
import { placePod } from '../support/predictor-pods.ts';
import { cpuSeconds } from '../support/process-cpu.ts';
import { residentMib } from '../support/process-memory.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import { report } from '../support/report.ts';
import { shippedManager } from '../support/shipped-manager.ts';
import { sized } from '../support/tier.ts';

const MODELS = sized({ check: 500, soak: 5_000 });
const AGENTS = 3;
/** Every hundredth model fails to download. */
const fails = (name: string): boolean => Number(name.slice(1)) % 100 === 0;
/** 60 s are promised; the test machine may be busy. */
const WITHIN_MS = 180_000;
const MAX_RSS_MIB = 400;
/** 3 s are promised once an agent knows. A busy test machine may take ten times that. */
const FAILURE_REPORTED_WITHIN_MS = 30_000;

/**
 * API server and manager are real. The agents are emulated, because 15,000 models (with `npm run soak`) exceed a test
 * machine.
 */
describe(`the status of ${MODELS} models on ${AGENTS} replicas that start at once`, () => {
  let cluster: ManagedCluster;
  let client: ApiClient;
  let agents: EmulatedAgent[] = [];
  let watched: Reflector<TrainedModel>;
  /** The reasons of each model's status, one for each write. */
  const writes = new Map<string, (string | undefined)[]>();
  /** The delay of each failed status from the moment that the first agent knew. */
  const failuresReported = new Map<string, number>();
  const failedAt = new Map<string, number>();
  let peak = 0;
  const ending = new AbortController();

  beforeAll(async () => {
    const { environment } = await shippedManager();
    cluster = await startManagedCluster({ env: environment });
    ({ client } = cluster);
    await createService(client, inferenceService('sk'));
    agents = await Promise.all(
      Array.from({ length: AGENTS }, () =>
        startEmulatedAgent({ perSecond: 500, fails, onFailed: noteFailure }),
      ),
    );
    for (const [index, { port }] of agents.entries()) {
      await placePod(client, { name: `sk-${index}`, service: 'sk', statusPort: port });
    }
    watched = startReflector({
      ...{ client, resource: TRAINED_MODELS, clock: systemClock, random: Math.random, logger: quietLogger },
    });
    watched.subscribe((delta) => {
      if (delta.type !== 'updated') return;
      const { name } = delta.object.metadata;
      const { reason } = conditionOf(delta.object.status as TrainedModelStatus, 'ModelLoaded') ?? {};
      writes.set(name, [...(writes.get(name) ?? []), reason]);
      const knownAt = failedAt.get(name);
      if (reason === 'Failed' && knownAt !== undefined && !failuresReported.has(name))
        failuresReported.set(name, performance.now() - knownAt);
    });
    await watched.synced;
    void measure();
  }, 180_000);

  afterAll(async () => {
    ending.abort();
    await watched.stop();
    await Promise.all(agents.map((agent) => agent.stop()));
    await cluster.stop();
  });

  function noteFailure(name: string): void {
    if (!failedAt.has(name)) failedAt.set(name, performance.now());
  }

  async function measure(): Promise<void> {
    while (!ending.signal.aborted) {
      peak = Math.max(peak, await residentMib(cluster.manager.pid));
      await delay(250, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }

  /** The number of right statuses, and the wrong ones by reason. */
  function tally(): Record<string, number> {
    const counts = new Map<string, number>();
    for (const model of watched.cache.list()) {
      const condition = conditionOf(model.status as TrainedModelStatus | undefined, 'ModelLoaded');
      const right = fails(model.metadata.name)
        ? condition?.reason === 'Failed'
        : condition?.status === 'True';
      const what = right ? 'right' : `${condition?.reason}: ${condition?.message}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    return Object.fromEntries(counts);
  }

  it('is right for all, with at most two writes each', async () => {
    const names = Array.from({ length: MODELS }, (_, index) => `m${index}`);
    await inParallel(16, names, async (name) => {
      await createModel(client, trainedModel(name, 'sk', { memory: '1Mi' }));
    });
    const entries = await eventually(async () => {
      const text = (await readConfigMap(client, 'modelconfig-sk-0'))?.data?.['models.json'] ?? '[]';
      const { models } = decodeModelConfig(text);
      expect(models).toHaveLength(MODELS);
      return models;
    }, 60_000);
    const started = performance.now();
    for (const agent of agents) agent.want(entries);
    await eventually(() => expect(Math.min(...agents.map((agent) => agent.settled()))).toBe(MODELS), 120_000);
    const allKnown = performance.now();
    await eventually(() => expect(tally()).toEqual({ right: MODELS }), WITHIN_MS);
    const allRight = performance.now();
    const counts = names.map((name) => writes.get(name)?.length ?? 0);
    report(`${MODELS} models on ${AGENTS} emulated agents came up`, {
      'agents had all after (s)': (allKnown - started) / 1000,
      'all statuses right after (s)': (allRight - started) / 1000,
      'the last failure reported after (ms)': Math.max(...failuresReported.values()),
      'writes a model, mean': counts.reduce((sum, count) => sum + count, 0) / MODELS,
      'writes a model, most': Math.max(...counts),
      'peak RSS of the manager (MiB)': peak,
      'CPU of the manager (s)': await cpuSeconds(cluster.manager.pid),
      'writes that were tried again': await cluster.manager.metric('mms_status_writes_total', {
        result: 'failed',
      }),
    });
    expect([...writes].filter(([, reasons]) => reasons.length > 2)).toEqual([]);
    expect(failuresReported.size).toBe(names.filter(fails).length);
    expect(Math.max(...failuresReported.values())).toBeLessThan(FAILURE_REPORTED_WITHIN_MS);
    expect(peak).toBeLessThan(MAX_RSS_MIB);
  }, 400_000);
});
