import { milliseconds } from '../lib/clock.ts';
import type { Clock, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { MANAGER_DEPLOYMENT } from '../contract/names.ts';
import type { Deployment } from '../contract/predictor-outcome.ts';
import { managerFuture } from './webhook-switch.decide.ts';
import type { ManagerFuture } from './webhook-switch.decide.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { startReflector } from '../kube/reflector.ts';
import { DEPLOYMENTS } from '../kube/resources.ts';

/** The future of the manager's own pods. */
export interface ManagerDeployment {
  /** From the watch. */
  future(): ManagerFuture;
  /** With a request: a process that must end may be ahead of its watch. Never rejects. */
  readFuture(): Promise<ManagerFuture>;
  stop(): Promise<void>;
}

const READ_TIMEOUT = milliseconds(2000);

/** Watches the Deployment of the manager; `changed` is called after each change. */
export function followManagerDeployment(
  context: {
    readonly client: ApiClient;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly namespace: string;
  },
  changed: () => void,
): ManagerDeployment {
  const { client, namespace } = context;
  let before = false;
  const reflector = startReflector<Deployment>({
    ...context,
    resource: DEPLOYMENTS,
    fieldSelector: `metadata.name=${MANAGER_DEPLOYMENT}`,
  });
  reflector.subscribe(({ type }) => {
    if (type !== 'synced') before = true;
    changed();
  });
  const watched = (): ManagerFuture => {
    if (!reflector.cache.synced) return { kind: 'unknown' };
    const [deployment] = [...reflector.cache.list()];
    return managerFuture(deployment, before);
  };
  return {
    future: watched,
    async readFuture() {
      try {
        const reference = { namespace, name: MANAGER_DEPLOYMENT };
        const found = await getIfThere(client, DEPLOYMENTS, reference, { timeout: READ_TIMEOUT });
        return managerFuture(found, before);
      } catch {
        // The role may have been deleted by an uninstallation, or be an earlier version's after a rollback. An open
        // watch continues.
        return watched();
      }
    },
    stop: () => reflector.stop(),
  };
}
