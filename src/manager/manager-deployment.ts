import { milliseconds } from '../core/clock.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { MANAGER_DEPLOYMENT } from '../core/names.ts';
import type { Deployment } from '../core/predictor-outcome.ts';
import { managerFuture } from '../core/webhook-switch.ts';
import type { ManagerFuture } from '../core/webhook-switch.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { startReflector } from '../kube/reflector.ts';
import { DEPLOYMENTS } from '../kube/resources.ts';

/** What is to become of the manager's own pods. */
export interface ManagerDeployment {
  /** As the watch has it. */
  future(): ManagerFuture;
  /** By a request of its own: a process that is asked to end may be ahead of its watch. Never rejects. */
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
    onDelta: ({ type }) => {
      if (type !== 'synced') before = true;
      changed();
    },
  });
  return {
    future() {
      if (!reflector.cache.synced) return { kind: 'unknown' };
      const [deployment] = [...reflector.cache.list()];
      return managerFuture(deployment, before);
    },
    async readFuture() {
      try {
        const reference = { namespace, name: MANAGER_DEPLOYMENT };
        return managerFuture(
          await getIfThere(client, DEPLOYMENTS, reference, { timeout: READ_TIMEOUT }),
          before,
        );
      } catch (thrown) {
        // With its namespace the manager's role goes, and perhaps before the manager does.
        if (before && isApiError(thrown, 'API_FORBIDDEN'))
          return { kind: 'unwanted', reason: 'its Deployment may not be read any more' };
        return { kind: 'unknown' };
      }
    },
    stop: () => reflector.stop(),
  };
}
