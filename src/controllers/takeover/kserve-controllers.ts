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
 * KServe's controllers do not run in this cluster, though they may be installed at any time and then have the Deployments
 * and Services.
 */
export interface KServeAbsence {
  /** Does the work until the signal aborts, but not while KServe's controllers hold their Lease. */
  readonly whileAway: (signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;
}

/** How often a leader looks whether KServe was installed after it had started. */
const LOOK_EVERY = seconds(15);

interface Surroundings {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes sure that the Lease of KServe's controllers is free, which takes as long as the Lease when its holder has
 * died without giving it back.
 *
 * @throws {KServeRunsError} when they run: two controllers would overwrite each other's Deployments without end
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
 * The next holder of the Lease that is not a change of hands among KServe's replicas. One that may have died is believed
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
      if (holder === undefined)
        logger.info({}, "KServe's controllers are gone: predictors are looked after again");
      else logger.error({ holder }, `predictors are not looked after any more. ${refusal(holder)}`);
      return holder;
    } catch (thrown) {
      // What was known holds until the API server says otherwise.
      if (!isApiError(thrown, 'API_ABORTED'))
        logger.warn({ error: messageOf(thrown) }, "cannot tell whether KServe's controllers run");
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
