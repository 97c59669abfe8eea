import { seconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { isTakeoverIdentity, KSERVE_LEASE } from '../../contract/kserve-controller.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { untilKServeLeaseFree, watchKServeLease } from './kserve-lease-watch.ts';
import type { KServeLeaseWatch } from './kserve-lease-watch.ts';

/**
 * Whether KServe's controllers run. They may be installed at any time, and then manage the Deployments and Services.
 */
export interface KServeAbsence {
  /** Runs the work until the signal aborts, but not while KServe's controllers hold their Lease. */
  readonly whileAway: (signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;
}

/** How often a leader checks whether KServe was installed after it had started. */
const LOOK_EVERY = seconds(15);

interface Surroundings {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes sure that the Lease of KServe's controllers is free. If its holder died without releasing it, that takes the
 * Lease's duration.
 * @throws {KServeRunsError} when they run: two controllers would overwrite each other's Deployments forever
 */
export async function refuseBesideKServe(
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<KServeAbsence> {
  // A manager of ours, after a takeover, keeps KServe's controllers from running.
  const watch = watchKServeLease(surroundings, isTakeoverIdentity);
  await untilKServeLeaseFree(watch, { ...surroundings, refusal }, signal);
  return {
    async whileAway(leading, work) {
      let holder: string | undefined;
      while (!leading.aborted) {
        const pause = new AbortController();
        const working =
          holder === undefined ? work(AbortSignal.any([leading, pause.signal])) : Promise.resolve();
        holder = await untilChanged(holder, watch, surroundings, leading);
        pause.abort();
        await working;
      }
    },
  };
}

/**
 * The next holder of the Lease that is not another replica of KServe's. A holder that may have died is assumed to be
 * alive.
 */
async function untilChanged(
  before: string | undefined,
  watch: KServeLeaseWatch,
  { logger }: Surroundings,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    await watch.pause(LOOK_EVERY, signal);
    try {
      const sight = await watch.look(signal);
      const holder = sight.kind === 'held' ? sight.holder : undefined;
      if ((holder === undefined) === (before === undefined)) continue;
      if (holder === undefined) logger.info({}, "KServe's controllers are gone: managing predictors again");
      else logger.error({ holder }, `predictors are no longer managed. ${refusal(holder)}`);
      return holder;
    } catch (thrown) {
      // The last known state holds until the API server answers.
      if (!isApiError(thrown, 'API_ABORTED'))
        logger.warn({ error: messageOf(thrown) }, "cannot find out whether KServe's controllers run");
    }
  }
  return before;
}

function refusal(holder: string): string {
  return (
    `KServe's controllers run here: ${holder} holds the lease ${KSERVE_LEASE.namespace}/${KSERVE_LEASE.name}. ` +
    'Leave out --predictors (manifests/overlays/beside-kserve), or remove KServe first'
  );
}
