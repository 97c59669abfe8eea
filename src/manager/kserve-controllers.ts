import { seconds } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf, MmsError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { SYSTEM_CONFIG } from '../core/names.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { LEASES } from '../kube/resources.ts';
import type { Lease } from '../kube/resources.ts';

/** KServe's controllers run in this cluster, and make the same objects. */
export class KServeRunsError extends MmsError {
  readonly code = 'KSERVE_RUNS';
  readonly retryable = false;
}

/** `LeaderLockName` in KServe's cmd/manager; its manifests switch leader election on. */
const KSERVE_LEASE = { namespace: SYSTEM_CONFIG.namespace, name: 'kserve-controller-manager-leader-lock' };
const RETRY = seconds(2);

/**
 * Waits until the API server says that nobody holds the lease of KServe's controllers.
 *
 * @throws {KServeRunsError} when somebody does: two controllers would overwrite each other's Deployments without end
 */
export async function refuseBesideKServe(
  client: ApiClient,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const lease = await getIfThere(client, LEASES, KSERVE_LEASE, { signal });
      if (lease === undefined || !isHeld(lease, clock)) return;
      throw new KServeRunsError(
        `KServe's controllers run here: ${lease.spec?.holderIdentity ?? ''} holds the lease ` +
          `${KSERVE_LEASE.namespace}/${KSERVE_LEASE.name}. Leave out --predictors (manifests/overlays/beside-kserve), ` +
          'or remove KServe first; its lease ends some 15 seconds after it',
      );
    } catch (thrown) {
      if (thrown instanceof MmsError && !thrown.retryable) throw thrown;
      logger.warn(
        { error: messageOf(thrown) },
        "cannot tell yet whether KServe's controllers run; trying again",
      );
      await clock.sleep(RETRY, signal);
    }
  }
}

/** A lease that was given back has no holder; one whose holder died has not been renewed for its duration. */
function isHeld({ spec }: Lease, clock: Clock): boolean {
  if ((spec?.holderIdentity ?? '') === '') return false;
  const renewed = Date.parse(spec?.renewTime ?? '');
  // A time that cannot be read says nothing against the holder.
  return Number.isNaN(renewed) || clock.now() < renewed + (spec?.leaseDurationSeconds ?? 0) * 1000;
}
