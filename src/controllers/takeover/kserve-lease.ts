import { aborted } from '../../lib/abort.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { KSERVE_LEASE, takeoverIdentity } from '../../contract/kserve-controller.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { startLeaderElection } from '../../kube/leader-election.ts';
import { untilKServeLeaseFree, watchKServeLease } from './kserve-lease-watch.ts';

/**
 * In takeover, the leader of our replicas holds KServe's Lease as long as it works, so that KServe's controllers, which
 * need that Lease, cannot start. See docs/decisions/0013-beside-kserve.md.
 */
export interface KServeLease {
  /**
   * Runs the work while the Lease is ours, stops it at once when it is lost, and runs it again when it is back. Never
   * rejects.
   */
  readonly whileHeld: (signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;
}

interface KServeLeaseOptions {
  readonly client: ApiClient;
  /** The manager's namespace: all replicas hold the Lease under one identity. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Long, because a replica of ours that takes over from another must find the Lease still ours. Uninstalling deletes the
 * Lease, so that KServe does not wait for its end.
 */
const DURATIONS = { lease: seconds(120), renewDeadline: seconds(60), retryPeriod: seconds(2) };
/** KServe's leader stops within this time after its last renewal: controller-runtime v0.19, pkg/manager. */
const KSERVE_RENEW_DEADLINE = seconds(10);

/**
 * Makes sure that KServe's controller does not run. If it died without releasing its Lease, that takes the Lease's
 * duration.
 * @throws {KServeRunsError} when it runs
 */
export async function claimKServeLease(
  options: KServeLeaseOptions,
  signal: AbortSignal,
): Promise<KServeLease> {
  const { clock, logger } = options;
  const identity = takeoverIdentity(options.namespace);
  const watch = watchKServeLease(options, (holder) => holder === identity);
  const wasOurs = await untilKServeLeaseFree(watch, { logger, refusal }, signal);
  // kubectl may have taken the Lease from KServe's leader a moment ago; it notices at its next renewal.
  const quietUntil = clock.monotonic() + (wasOurs ? KSERVE_RENEW_DEADLINE : 0);
  return {
    async whileHeld(leading, work) {
      const election = startLeaderElection({
        ...{ ...options, ...KSERVE_LEASE, identity, durations: DURATIONS, keepOnStop: true },
        logger: logger.child({ lease: `${KSERVE_LEASE.namespace}/${KSERVE_LEASE.name}` }),
        onStartedLeading: async (held) => {
          await clock.sleep(milliseconds(Math.max(0, quietUntil - clock.monotonic())), held);
          if (!held.aborted) await work(held);
        },
        onStoppedLeading: () => {
          if (leading.aborted) return;
          logger.error({}, "KServe's Lease was lost: nothing is written until it is free again");
        },
      });
      await aborted(leading);
      await election.stop();
    },
  };
}

function refusal(holder: string): string {
  return (
    `--kserve=takeover: KServe's controller runs. ${holder} holds the Lease ` +
    `${KSERVE_LEASE.name} in namespace ${KSERVE_LEASE.namespace} and renews it. To take over from it, install ` +
    'manifests/overlays/takeover-kserve, which takes the Lease from it; to work next to it, start with --kserve=beside'
  );
}
