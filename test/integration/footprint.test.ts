import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
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
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { peakMib, residentMib } from '../support/process-memory.ts';
import { report } from '../support/report.ts';
import { shippedManager } from '../support/shipped-manager.ts';
import type { ShippedManager } from '../support/shipped-manager.ts';

const SERVICES = 20;
const MODELS = 1000;
const ADMISSIONS = 1000;
const CALLERS = 16;
const MEBI = 2 ** 20;

/** Measures the figures behind the resources in the manifests. */
describe(`a manager with ${MODELS} TrainedModels and ${ADMISSIONS} admissions`, () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;
  let shipped: ShippedManager;

  beforeAll(async () => {
    shipped = await shippedManager();
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    manager = await startTestManager({
      kubeconfig: controlPlane.kubeconfigPath,
      env: shipped.environment,
    });
  });

  afterAll(async () => {
    await manager.stop();
    await client.close();
    await controlPlane.stop();
  });

  /** Current memory, and the peak since the start. */
  const memory = async (): Promise<{ now: number; peak: number }> => ({
    now: await residentMib(manager.pid),
    peak: await peakMib(manager.pid),
  });
  const processor = (): Promise<number> => manager.metric('process_cpu_seconds_total');

  it('stays within its memory limit in the manifests', async () => {
    const idle = { memory: await memory(), processor: await processor() };
    const services = Array.from({ length: SERVICES }, (_, index) => `svc-${index}`);
    await inParallel(CALLERS, services, async (name) => {
      await createService(client, inferenceService(name));
    });
    const models = Array.from({ length: MODELS }, (_, index) => `m-${index}`);
    await inParallel(CALLERS, models, async (name, index) => {
      await createModel(client, trainedModel(name, services[index % SERVICES]!));
    });
    await eventually(async () => {
      for (const name of services) expect(await modelNames(client, name)).toHaveLength(MODELS / SERVICES);
    });
    const reconciled = { memory: await memory(), processor: await processor() };
    await inParallel(
      CALLERS,
      Array.from({ length: ADMISSIONS }, (_, index) => index),
      async (index) => {
        const pod = predictorPod(`p-${index}`, services[index % SERVICES]!);
        expect(await dryRunContainers(client, pod)).toContain('agent');
      },
    );
    const admitted = { memory: await memory(), processor: await processor() };
    report('footprint of the manager', {
      'idle (MiB)': idle.memory.now,
      'with 1000 TrainedModels (MiB)': reconciled.memory.now,
      'after 1000 admissions (MiB)': admitted.memory.now,
      'peak (MiB)': admitted.memory.peak,
      'processor to start (s)': idle.processor,
      'processor for 1000 TrainedModels (s)': reconciled.processor - idle.processor,
      'processor for 1000 admissions (s)': admitted.processor - reconciled.processor,
    });
    const limit = shipped.memoryLimit;
    expect(limit).toMatch(/^\d+Mi$/);
    expect(admitted.memory.peak * MEBI).toBeLessThan(Number.parseInt(limit) * MEBI);
  });
});
