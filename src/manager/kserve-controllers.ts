import { seconds } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf, MmsError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { SYSTEM_CONFIG } from '../core/names.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
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
/** How often a leader looks whether KServe was installed after it had started. */
const LOOK_EVERY = seconds(15);

interface Surroundings {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Waits until the API server says that nobody holds the lease of KServe's controllers.
 *
 * @throws {KServeRunsError} when somebody does: two controllers would overwrite each other's Deployments without end
 */
export async function refuseBesideKServe(surroundings: Surroundings, signal: AbortSignal): Promise<void> {
  const { clock, logger } = surroundings;
  while (!signal.aborted) {
    try {
      const holder = await holderOfKServe(surroundings, signal);
      if (holder !== undefined) throw new KServeRunsError(describe(holder));
      return;
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

/**
 * Works until the signal aborts, but not while KServe's controllers hold their lease: they may be installed at any time, and
 * then have the Deployments and Services.
 */
export async function workWithoutKServe(
  work: (signal: AbortSignal) => Promise<void>,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  let holder: string | undefined;
  while (!signal.aborted) {
    const pause = new AbortController();
    const working = holder === undefined ? work(AbortSignal.any([signal, pause.signal])) : Promise.resolve();
    holder = await untilChanged(holder, surroundings, signal);
    pause.abort();
    await working;
  }
}

/** The next holder of the lease that is not a change of hands among KServe's replicas. */
async function untilChanged(
  before: string | undefined,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { clock, logger } = surroundings;
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY, signal);
    try {
      const holder = await holderOfKServe(surroundings, signal);
      if ((holder === undefined) === (before === undefined)) continue;
      if (holder === undefined)
        logger.info({}, "KServe's controllers are gone: predictors are looked after again");
      else logger.error({ holder }, `predictors are not looked after any more. ${describe(holder)}`);
      return holder;
    } catch (thrown) {
      // What was known holds until the API server says otherwise.
      if (!isApiError(thrown, 'API_ABORTED'))
        logger.warn({ error: messageOf(thrown) }, "cannot tell whether KServe's controllers run");
    }
  }
  return before;
}

async function holderOfKServe(
  { client, clock }: Surroundings,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lease = await getIfThere(client, LEASES, KSERVE_LEASE, { signal });
  return lease !== undefined && isHeld(lease, clock) ? (lease.spec?.holderIdentity ?? '') : undefined;
}

function describe(holder: string): string {
  return (
    `KServe's controllers run here: ${holder} holds the lease ${KSERVE_LEASE.namespace}/${KSERVE_LEASE.name}. ` +
    'Leave out --predictors (manifests/overlays/beside-kserve), ' +
    'or remove KServe first; its lease ends some 15 seconds after it'
  );
}

/** A lease that was given back has no holder; one whose holder died has not been renewed for its duration. */
function isHeld({ spec }: Lease, clock: Clock): boolean {
  if ((spec?.holderIdentity ?? '') === '') return false;
  const renewed = Date.parse(spec?.renewTime ?? '');
  // A time that cannot be read says nothing against the holder.
  return Number.isNaN(renewed) || clock.now() < renewed + (spec?.leaseDurationSeconds ?? 0) * 1000;
}
