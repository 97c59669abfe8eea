import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../src/kube/api-client.ts';
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
import type { TestManager } from '../support/manager.ts';
import { inParallel } from '../support/parallel.ts';
import { report } from '../support/report.ts';

const MODELS = 1000;
const CALLERS = 16;

describe(`${MODELS} TrainedModels created at once on one InferenceService`, () => {
  let cluster: ManagedCluster;
  let manager: TestManager;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client, manager } = cluster);
    await createService(client, inferenceService('burst'));
    await eventually(async () => expect(await modelNames(client, 'burst')).toEqual([]));
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('are all in models.json soon after the last, with at most 20 writes', async () => {
    const written = (): Promise<number> =>
      manager.metric('mms_api_requests_total', { verb: 'update', resource: 'configmaps' });
    const before = await written();
    const names = Array.from({ length: MODELS }, (_, index) => `m-${String(index).padStart(4, '0')}`);
    const started = performance.now();
    await inParallel(CALLERS, names, async (name) => {
      await createModel(client, trainedModel(name, 'burst'));
    });
    const created = performance.now();
    await eventually(async () => expect(await modelNames(client, 'burst')).toHaveLength(MODELS));
    const complete = performance.now();
    const writes = (await written()) - before;
    expect(await modelNames(client, 'burst')).toEqual(names);
    report('burst of 1000 TrainedModels', {
      'created in (ms)': created - started,
      'complete after the last (ms)': complete - created,
      'ConfigMap writes': writes,
    });
    expect(writes).toBeLessThanOrEqual(20);
    // Seen: well under 2 s.
    expect(complete - created).toBeLessThan(20_000);
  });

  it('cause no requests once they are written', async () => {
    const before = await manager.metric('mms_api_requests_total', { resource: 'configmaps' });
    await createService(client, inferenceService('quiet'));
    await eventually(async () => expect(await modelNames(client, 'quiet')).toEqual([]));
    const after = await manager.metric('mms_api_requests_total', { resource: 'configmaps' });
    // The one request is the creation for the new InferenceService, which proves that the queue is idle.
    expect(after - before).toBe(1);
  });
});
