import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../src/lib/errors.ts';
import type { Pod } from '../../../src/contract/pod.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { unplacedPredictorPod } from './predictor.ts';

/** A pod that was refused, or came without its agent. */
export interface FailedCreation {
  /** When the request was sent, and when the answer arrived, by performance.now(). */
  readonly askedAt: number;
  readonly failedAt: number;
  readonly reason: string;
}

export interface SteadyCreations {
  readonly created: number;
  readonly failures: readonly FailedCreation[];
  stop(): Promise<void>;
}

const CALLERS = 2;
const PAUSE_MS = 20;

/** Creates predictor pods that stay unscheduled, one after another with two callers, and deletes each at once. */
export function createSteadily(client: ApiClient, namespace: string, service: string): SteadyCreations {
  const failures: FailedCreation[] = [];
  let created = 0;
  let number = 0;
  let stopped = false;
  const createOne = async (): Promise<void> => {
    const name = `steady-${(number += 1)}`;
    const askedAt = performance.now();
    try {
      const pod = (await client.create(
        PODS,
        unplacedPredictorPod(namespace, service, name),
      )) as unknown as Pod;
      if (!pod.spec.containers.some((container) => container.name === 'agent'))
        throw new Error('without an agent');
      created += 1;
      await client.delete(PODS, { namespace, name });
    } catch (thrown) {
      failures.push({ askedAt, failedAt: performance.now(), reason: messageOf(thrown) });
    }
  };
  const caller = async (): Promise<void> => {
    while (!stopped) {
      await createOne();
      await delay(PAUSE_MS);
    }
  };
  const running = Promise.all(Array.from({ length: CALLERS }, caller));
  return {
    failures,
    get created() {
      return created;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
