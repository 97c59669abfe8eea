import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConfigMap } from '../../src/contract/kubernetes.ts';
import { decodeModelConfig } from '../../src/contract/model-config.ts';
import type { TrainedModel } from '../../src/contract/trained-model.ts';
import { startReflector } from '../../src/kube/reflector.ts';
import type { Reflector } from '../../src/kube/reflector.ts';
import { CONFIG_MAPS, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { auditLog } from '../support/audit-log.ts';
import type { AuditedWrite, AuditLog } from '../support/audit-log.ts';
import { createModel, readConfigMap, trainedModel } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startKServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import type { KServeCluster } from '../support/kserve-cluster.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { modelsJsonTimeline } from '../support/models-json-timeline.ts';
import { inParallel } from '../support/parallel.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import { report } from '../support/report.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { sized } from '../support/tier.ts';

const MODELS = sized({ check: 60, soak: 200 });
const CHURN_MS = sized({ check: 45_000, soak: 300_000 });
const QUIET_POINTS = sized({ check: 1, soak: 3 });
/** Nothing changes for this long, so the manager must write nothing. */
const QUIET_MS = sized({ check: 15_000, soak: 60_000 });
/** Between two changes: KServe's manager takes about 200 ms for one. */
const PACE_MS = 600;
const BURST = sized({ check: 20, soak: 40 });
/**
 * Ten times what was measured. A model that has not changed for this long must be listed and current, and a deleted
 * one must be gone.
 */
const CORRECT_WITHIN_MS = 65_000;

describe(`beside KServe's manager, ${MODELS} TrainedModels coming and going`, () => {
  let audit: AuditLog;
  let cluster: KServeCluster;
  let manager: TestManager;
  let watching: Reflector<ConfigMap>;
  const timeline = modelsJsonTimeline();
  const faults: string[] = [];
  const random = seededRandom(5);
  const live: string[] = [];
  let made = 0;

  buildKServeFirst();

  beforeAll(async () => {
    audit = await auditLog();
    cluster = await startKServeCluster({ apiServerFlags: audit.flags });
    await cluster.predictor('busy');
    // The mode that manifests/overlays/beside-kserve sets.
    const args = ['--trained-model-status=beside'];
    manager = await startTestManager({ kubeconfig: cluster.controlPlane.kubeconfigPath, args });
    watching = startReflector({
      ...{ client: cluster.client, clock: systemClock, random: Math.random, logger: quietLogger },
      resource: CONFIG_MAPS,
      namespace: 'default',
      fieldSelector: 'metadata.name=modelconfig-busy-0',
    });
    watching.subscribe((delta) => {
      if (delta.type === 'synced') return;
      const text = delta.object.data?.['models.json'];
      if (delta.type === 'deleted' || text === undefined) return void faults.push(`${delta.type}: gone`);
      const decoded = decodeModelConfig(text);
      faults.push(...decoded.faults.map(({ path, message }) => `${path} ${message}`));
      timeline.see(decoded.models, performance.now());
    });
  }, 300_000);

  afterAll(async () => {
    await watching.stop();
    await manager.stop();
    await cluster.stop();
    await audit.remove();
  });

  async function create(): Promise<void> {
    const name = `m-${made++}`;
    timeline.want(name, `s3://bucket/${name}`, performance.now());
    live.push(name);
    await createModel(cluster.client, trainedModel(name, 'busy'));
  }

  const pick = (): number => Math.floor(random() * live.length);

  async function remove(): Promise<void> {
    const [name = ''] = live.splice(pick(), 1);
    timeline.want(name, undefined, performance.now());
    await cluster.client.delete(TRAINED_MODELS, { namespace: 'default', name });
  }

  async function update(): Promise<void> {
    const name = live[pick()] ?? '';
    const storageUri = `s3://bucket/${name}/v${made++}`;
    timeline.want(name, storageUri, performance.now());
    const body = { spec: { model: { storageUri } } };
    await cluster.client.patch(TRAINED_MODELS, { namespace: 'default', name }, { type: 'merge', body });
  }

  const many = (count: number, change: () => Promise<void>): Promise<void> =>
    inParallel(8, Array.from({ length: count }), change);

  async function churnUntil(end: number): Promise<void> {
    while (performance.now() < end) {
      if (random() < 0.3) await update();
      else await (live.length >= MODELS ? remove() : create());
      await delay(PACE_MS);
    }
  }

  /**
   * KServe has finished too: each model has everything that KServe gives it, and no deleted model waits for its
   * finalizer.
   */
  const settled = (): Promise<void> =>
    eventually(
      async () => {
        const { items } = await cluster.client.list(TRAINED_MODELS, { namespace: 'default' });
        const unsettled = items.filter((model) => !isSettled(model)).map(({ metadata }) => metadata.name);
        expect(unsettled).toEqual([]);
        expect(timeline.wrong()).toEqual([]);
      },
      120_000,
      500,
    );

  async function exactlyRight(): Promise<void> {
    const configMap = await readConfigMap(cluster.client, 'modelconfig-busy-0');
    const { models } = decodeModelConfig(configMap?.data?.['models.json'] ?? '');
    const { items } = await cluster.client.list(TRAINED_MODELS, { namespace: 'default' });
    const shown = models.map(({ modelName, modelSpec }) => `${modelName} ${modelSpec.storageUri}`);
    expect(shown.sort()).toEqual(items.map(describeModel).sort());
  }

  it(
    'models.json is never wrong for long, and exact whenever KServe is idle',
    async () => {
      const started = performance.now();
      await many(MODELS, create);
      for (let point = 1; point <= QUIET_POINTS; point += 1) {
        await churnUntil(started + (point * CHURN_MS) / QUIET_POINTS - 12_000);
        await many(BURST, remove);
        await many(BURST, create);
        await settled();
        await exactlyRight();
      }
      const { changes, versions, slowest, relapses, strangers } = timeline.verdict(performance.now());
      report(`${MODELS} TrainedModels beside KServe for ${(performance.now() - started) / 1000} s`, {
        ...{ changes, versions, relapses },
        ...{ 'slowest add ms': slowest.add, 'slowest update ms': slowest.update },
        'slowest removal ms': slowest.remove,
        ...countsOf(await audit.writes()),
      });
      expect({ faults, strangers }).toEqual({ faults: [], strangers: [] });
      expect(Math.max(slowest.add, slowest.update, slowest.remove)).toBeLessThan(CORRECT_WITHIN_MS);
    },
    CHURN_MS + 150_000,
  );

  it(`the manager then writes nothing for ${QUIET_MS / 1000} s`, async () => {
    const before = (await audit.writes()).length;
    const ours = await writesOf(manager);
    await delay(QUIET_MS);
    const since = (await audit.writes()).slice(before);
    // KServe still rewrites the ConfigMap from time to time, each time in another order, because its queue is longer
    // than the burst.
    report(`${QUIET_MS / 1000} s after the last change`, countsOf(since));
    expect(since.filter(isOurs)).toEqual([]);
    expect(ours).toBeGreaterThan(0);
    expect(await writesOf(manager)).toBe(ours);
    await exactlyRight();
  });
});

/** The lease is excluded: its holder renews it every second. */
const isWrite = ({ resource }: AuditedWrite): boolean => resource !== 'leases';
const isOurs = (write: AuditedWrite): boolean => isWrite(write) && /^kserve-mms\/\d/.test(write.userAgent);
const isKServes = (write: AuditedWrite): boolean => isWrite(write) && write.userAgent.startsWith('manager/');

/** Read in one request, because the lease is renewed between two. */
async function writesOf({ ports }: TestManager): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => /^mms_api_requests_total\{.*verb="(create|update|patch|delete)"/.test(line))
    .filter((line) => !line.includes('resource="leases"'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function countsOf(writes: readonly AuditedWrite[]): Record<string, number> {
  const toModels = writes.filter(({ name }) => name === 'modelconfig-busy-0');
  const done = ({ code }: AuditedWrite): boolean => code < 300;
  return {
    'our ConfigMap writes': toModels.filter(isOurs).filter(done).length,
    'our conflicts': toModels.filter(isOurs).filter(({ code }) => code === 409).length,
    "KServe's ConfigMap writes": toModels.filter(isKServes).filter(done).length,
    "KServe's conflicts": toModels.filter(isKServes).filter(({ code }) => code === 409).length,
    "KServe's writes in all": writes.filter(isKServes).length,
    'our writes in all': writes.filter(isOurs).length,
  };
}

function isSettled({ metadata, status }: TrainedModel): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
  const has = (wanted: string): boolean =>
    conditions.some(({ type, status: is }) => type === wanted && (is === 'True' || wanted === 'ModelLoaded'));
  return (
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.['serving.kserve.io/trainedmodel-allocated'] === 'busy' &&
    // KServe sets these last, and ours too. No node runs the predictor, so no model is ever loaded.
    ['MemoryResourceAvailable', 'InferenceServiceReady', 'ModelLoaded'].every(has)
  );
}

function describeModel({ metadata, spec }: TrainedModel): string {
  return `${metadata.name} ${String(spec?.model?.storageUri)}`;
}
