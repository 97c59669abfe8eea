import type { ControlPlane, ControlPlaneOptions } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { clientFor } from './api-access.ts';
import { createService } from './cluster-client.ts';
import { testControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { installKServe } from './kserve-install.ts';
import { kserveInferenceService, makePredictorReady } from './kserve-predictor.ts';
import { kservePrograms } from './kserve-programs.ts';
import { registerKServeWebhooks } from './kserve-webhooks.ts';
import { startKServe } from './kserve.ts';
import type { TestKServe, TestKServeOptions } from './kserve.ts';

/** A real control plane with KServe's own manager, whose webhooks are registered. */
export interface KServeCluster {
  readonly controlPlane: ControlPlane;
  readonly client: ApiClient;
  /** The current manager. */
  readonly kserve: () => TestKServe;
  /** Starts another manager, after the last has been killed. */
  startAgain(): Promise<void>;
  /** Creates a multi-model InferenceService and makes it ready. */
  predictor(name: string, memory?: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startKServeCluster(
  options: TestKServeOptions & Pick<ControlPlaneOptions, 'apiServerFlags' | 'users'> = {},
): Promise<KServeCluster> {
  const { leaderElection = false, ...forControlPlane } = options;
  const programs = await kservePrograms();
  const controlPlane = await testControlPlane(forControlPlane);
  const client = clientFor(controlPlane);
  await installKServe(controlPlane, programs);
  const start = async (): Promise<TestKServe> => {
    const started = await startKServe(controlPlane, programs, { leaderElection });
    await registerKServeWebhooks(controlPlane, programs, started);
    return started;
  };
  let kserve = await start();
  return {
    controlPlane,
    client,
    kserve: () => kserve,
    async startAgain() {
      kserve = await start();
    },
    async predictor(name, memory) {
      // The API server calls a new webhook a moment after its registration.
      await eventually(() => createService(client, kserveInferenceService(name, memory)));
      await makePredictorReady(controlPlane, name);
    },
    async stop() {
      await kserve.kill('SIGKILL');
      await client.close();
      await controlPlane.stop();
    },
  };
}
