import type { ControlPlane } from '../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../src/kube/api-client.ts';
import { clientFor } from '../test/support/api-access.ts';
import { createService, inferenceService, modelNames } from '../test/support/cluster-client.ts';
import { testControlPlane } from '../test/support/control-plane.ts';
import { eventually } from '../test/support/eventually.ts';
import { installKServe } from '../test/support/kserve-install.ts';
import { kserveInferenceService, makePredictorReady } from '../test/support/kserve-predictor.ts';
import { kservePrograms } from '../test/support/kserve-programs.ts';
import { registerKServeWebhooks } from '../test/support/kserve-webhooks.ts';
import { startKServe } from '../test/support/kserve.ts';
import { startTestManager } from '../test/support/manager.ts';
import { shippedManager } from '../test/support/shipped-manager.ts';
import type { Program } from './report/results.ts';

/** A separate API server with a manager, or with none, so that no run sees the objects of another. */
export interface BenchCluster {
  readonly controlPlane: ControlPlane;
  readonly client: ApiClient;
  /** 0 without a manager. */
  readonly managerPid: number;
  /** From the start of the manager's process until it was ready. */
  readonly readyMs: number;
  /** Creates a multi-model InferenceService with an empty models.json. */
  predictor(name: string): Promise<void>;
  stop(): Promise<void>;
}

interface StartedManager {
  readonly pid: number;
  readonly readyMs: number;
  stop(): Promise<unknown>;
}

/** The user agents of the managers' requests in the API server's audit log. */
export const USER_AGENTS = {
  kserve: /^manager\//,
  ours: /^kserve-mms\/\d/,
} as const;

interface BenchClusterOptions {
  readonly apiServerFlags?: readonly string[];
  /** Whether our manager has run there before, so that its definitions and certificate are there, as KServe's always are. */
  readonly installed?: boolean;
}

export async function startBenchCluster(
  contender: Program | 'none',
  { apiServerFlags = [], installed = false }: BenchClusterOptions = {},
): Promise<BenchCluster> {
  const controlPlane = await testControlPlane({ apiServerFlags });
  const client = clientFor(controlPlane, { userAgent: 'bench' });
  const manager = await startManager(contender, controlPlane, installed).catch(async (thrown: unknown) => {
    await controlPlane.stop();
    throw thrown;
  });
  return {
    ...{ controlPlane, client, managerPid: manager.pid, readyMs: manager.readyMs },
    async predictor(name) {
      const service = contender === 'kserve' ? kserveInferenceService(name) : inferenceService(name);
      // The API server calls a new webhook a moment after its registration.
      await eventually(() => createService(client, service));
      if (contender === 'kserve') await makePredictorReady(controlPlane, name);
      await eventually(async () => {
        if ((await modelNames(client, name)) === undefined) throw new Error(`${name} has no models.json`);
      });
    },
    async stop() {
      await manager.stop();
      await client.close();
      await controlPlane.stop();
    },
  };
}

async function startManager(
  contender: Program | 'none',
  controlPlane: ControlPlane,
  installed: boolean,
): Promise<StartedManager> {
  if (contender === 'none') return { pid: 0, readyMs: NaN, stop: () => Promise.resolve() };
  if (contender === 'kserve') return startKServesManager(controlPlane);
  if (installed) await (await startOurManager(controlPlane)).stop();
  return startOurManager(controlPlane);
}

async function startKServesManager(controlPlane: ControlPlane): Promise<StartedManager> {
  const programs = await kservePrograms();
  await installKServe(controlPlane, programs);
  const startedAt = performance.now();
  const kserve = await startKServe(controlPlane, programs);
  const readyMs = performance.now() - startedAt;
  await registerKServeWebhooks(controlPlane, programs, kserve);
  return { pid: kserve.pid, readyMs, stop: () => kserve.kill('SIGKILL') };
}

async function startOurManager(controlPlane: ControlPlane): Promise<StartedManager> {
  const { environment: env } = await shippedManager();
  const startedAt = performance.now();
  const manager = await startTestManager({ kubeconfig: controlPlane.kubeconfigPath, env });
  return { pid: manager.pid, readyMs: performance.now() - startedAt, stop: () => manager.stop() };
}
