import type { ControlPlane, ControlPlaneOptions } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { clientFor } from './api-access.ts';
import { testControlPlane } from './control-plane.ts';
import { startTestManager } from './manager.ts';
import type { TestManager, TestManagerOptions } from './manager.ts';

/** A real control plane with a real, ready manager, and a client of both. */
export interface ManagedCluster {
  readonly client: ApiClient;
  readonly manager: TestManager;
  readonly controlPlane: ControlPlane;
  /** Ends all three. */
  stop(): Promise<void>;
}

export async function startManagedCluster({
  users = [],
  ...options
}: Omit<TestManagerOptions, 'kubeconfig'> &
  Pick<ControlPlaneOptions, 'users'> = {}): Promise<ManagedCluster> {
  const controlPlane = await testControlPlane({ users });
  const client = clientFor(controlPlane);
  const manager = await startTestManager({ ...options, kubeconfig: controlPlane.kubeconfigPath });
  return {
    client,
    manager,
    controlPlane,
    async stop() {
      await manager.stop();
      await client.close();
      await controlPlane.stop();
    },
  };
}
