import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import type { ControlPlane } from '../../src/controlplane/control-plane.ts';
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
import { render } from '../support/rendered.ts';
import { report } from '../support/report.ts';

const SERVICES = 20;
const MODELS = 1000;
const ADMISSIONS = 1000;
const CALLERS = 16;
const MEBI = 2 ** 20;

interface ManagerContainer {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly resources: { readonly limits: { readonly memory: string } };
}

/** The figures that the resources in the manifests rest on. */
describe(`a manager with ${MODELS} TrainedModels and ${ADMISSIONS} admissions`, () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;
  let container: ManagerContainer;

  beforeAll(async () => {
    const deployment = (await render('manager')).find(({ kind }) => kind === 'Deployment')!;
    const { template } = deployment['spec'] as { template: { spec: { containers: ManagerContainer[] } } };
    container = template.spec.containers[0]!;
    const nodeOptions = container.env.find(({ name }) => name === 'NODE_OPTIONS')?.value ?? '';
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    manager = await startTestManager({
      kubeconfig: controlPlane.kubeconfigPath,
      env: { NODE_OPTIONS: nodeOptions },
    });
  });

  afterAll(async () => {
    await manager.stop();
    await client.close();
    await controlPlane.stop();
  });

  /** Now, and the most since it was started. */
  const memory = async (): Promise<{ now: number; peak: number }> => {
    const status = await readFile(`/proc/${manager.pid}/status`, 'utf8');
    const of = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return { now: of('VmRSS'), peak: of('VmHWM') };
  };
  const processor = (): Promise<number> => manager.metric('process_cpu_seconds_total');

  it('stays within the memory that the manifests give it', async () => {
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
    const { memory: limit } = container.resources.limits;
    expect(limit).toMatch(/^\d+Mi$/);
    expect(admitted.memory.peak * MEBI).toBeLessThan(Number.parseInt(limit) * MEBI);
  });
});
