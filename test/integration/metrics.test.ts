import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONFIG_MAPS, PODS } from '../../src/kube/resources.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { predictorPod } from '../support/predictor-pod.ts';

const DOCUMENT = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
const DOCUMENTED = [...DOCUMENT.matchAll(/^\| `(mms_\w+)` +\|/gm)].map(([, name = '']) => name);

describe('the metrics of a running manager', () => {
  let cluster: ManagedCluster;

  beforeAll(async () => {
    // All controllers run, so that every metric has a value.
    cluster = await startManagedCluster({ args: ['--predictors'] });
    const { client, manager } = cluster;
    await createService(client, inferenceService('sk'));
    await eventually(async () => expect(await modelNames(client, 'sk')).toEqual([]));
    await client.create(
      PODS,
      predictorPod('a', 'sk', ({ spec }) => (spec['nodeName'] = 'node-1')),
    );
    await eventually(async () =>
      expect(await manager.metric('mms_cache_objects', { resource: 'pods' })).toBe(1),
    );
    await createModel(client, trainedModel('m1', 'sk'));
    // Another owner's ConfigMap, with the name of ours.
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x', uid: 'u', controller: true };
    const metadata = { name: 'modelconfig-blocked-0', namespace: 'default', ownerReferences: [owner] };
    await client.create(CONFIG_MAPS, { metadata });
    await createService(client, inferenceService('blocked'));
    await eventually(async () => {
      expect(await manager.metric('mms_propagations_total', { result: 'annotated' })).toBe(1);
      // One error for each reconcile. The InferenceService is reconciled again when the status of its predictor
      // changes.
      const refused = await manager.metric('mms_reconcile_errors_total', { code: 'FOREIGN_CONFIG_MAP' });
      expect(refused).toBeGreaterThanOrEqual(1);
    });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const scrape = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${cluster.manager.ports.metrics}/metrics`)).text();

  it.each(DOCUMENTED)('%s has a value', async (name) => {
    const sample = new RegExp(`^${name}(_count)?(\\{[^}]*\\})? [0-9]`, 'm');
    await eventually(async () => {
      if (!sample.test(await scrape())) throw new Error(`${name} has no value`);
    });
  });

  it('count what was done', async () => {
    const { manager } = cluster;
    expect(await manager.metric('mms_admission_duration_seconds_count', { outcome: 'patched' })).toBe(1);
    expect(await manager.metric('mms_injections_total', { reason: 'Injected' })).toBe(1);
    expect(await manager.metric('mms_configmap_writes_total', { operation: 'create' })).toBe(1);
    expect(await manager.metric('mms_configmap_writes_total', { operation: 'update' })).toBe(1);
    const configMap = await cluster.client.get(CONFIG_MAPS, {
      namespace: 'default',
      name: 'modelconfig-sk-0',
    });
    const models = configMap.data?.['models.json'] ?? '';
    expect(await manager.metric('mms_configmap_written_bytes_total')).toBe('[]'.length + models.length);
    expect(await manager.metric('mms_leader')).toBe(1);
    expect(await manager.metric('mms_trained_models', { state: 'Placed' })).toBe(1);
    const synced = (await scrape()).match(/^mms_cache_synced\{.*/gm) ?? [];
    expect(synced.length).toBeGreaterThanOrEqual(7);
    expect(synced.filter((line) => !line.endsWith(' 1'))).toEqual([]);
    expect(await manager.metric('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(await manager.metric('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
  });
});
