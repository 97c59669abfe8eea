import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Clock, Milliseconds } from '../../lib/clock.ts';
import { messageOf, MmsError } from '../../lib/errors.ts';
import { KSERVE_LEASE, kserveLeaseState } from '../../contract/kserve-controller.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { LEASES } from '../../kube/resources.ts';

/** KServe's controllers run in this cluster, and do the same work. */
class KServeRunsError extends MmsError {
  readonly code = 'KSERVE_RUNS';
  readonly retryable = false;
}

/** The state of KServe's Lease from all observations. A Lease whose holder has died is free. */
type KServeLeaseSight =
  | { readonly kind: 'free' | 'ours' }
  /** `renews`: it is certainly alive. */
  | { readonly kind: 'held'; readonly holder: string; readonly renews: boolean };

/**
 * Polls KServe's Lease. Its holder is judged by what this process observes, never by another machine's clock: it is
 * alive when the Lease changes, and has died when the Lease did not change for its whole duration.
 */
export interface KServeLeaseWatch {
  /** @throws {ApiError} when the Lease cannot be read */
  look(signal: AbortSignal): Promise<KServeLeaseSight>;
  /** Waits until the next poll; the time counts towards the holder's duration. */
  pause(span: Milliseconds, signal: AbortSignal): Promise<void>;
}

const POLL = seconds(1);

/** @param isOurs whether KServe's controllers do not run while the Lease has this holder */
export function watchKServeLease(
  { client, clock }: { readonly client: ApiClient; readonly clock: Clock },
  isOurs: (holder: string) => boolean,
): KServeLeaseWatch {
  let seen: { resourceVersion: string; unchanged: Milliseconds; renews: boolean } | undefined;
  return {
    async look(signal) {
      const lease = await getIfThere(client, LEASES, KSERVE_LEASE, { signal });
      const state = kserveLeaseState(lease?.spec, isOurs);
      if (state.kind !== 'held') {
        seen = undefined;
        return state;
      }
      const resourceVersion = lease?.metadata.resourceVersion ?? '';
      if (resourceVersion !== seen?.resourceVersion)
        seen = { resourceVersion, unchanged: milliseconds(0), renews: seen !== undefined };
      if (seen.unchanged >= state.duration) return { kind: 'free' };
      return { kind: 'held', holder: state.holder, renews: seen.renews };
    },
    async pause(span, signal) {
      await clock.sleep(span, signal);
      // A wait that was cut short does not count.
      if (seen !== undefined && !signal.aborted)
        seen = { ...seen, unchanged: milliseconds(seen.unchanged + span) };
    },
  };
}

/**
 * Resolves, once no other holder has the Lease, with whether it is ours; with false when the signal aborts. Waits for
 * the end of a Lease whose holder has died, and retries while the API server does not answer.
 * @param refusal the message about a holder that is alive, and what to do
 * @throws {KServeRunsError} when the holder renews it
 */
export async function untilKServeLeaseFree(
  watch: KServeLeaseWatch,
  { logger, refusal }: { readonly logger: Logger; readonly refusal: (holder: string) => string },
  signal: AbortSignal,
): Promise<boolean> {
  let watched = '';
  while (!signal.aborted) {
    try {
      const sight = await watch.look(signal);
      if (sight.kind !== 'held') return sight.kind === 'ours';
      const { holder, renews } = sight;
      if (renews) throw new KServeRunsError(refusal(holder));
      if (holder !== watched)
        logger.info({ holder }, "KServe's Lease has a holder; checking whether it is alive");
      watched = holder;
    } catch (thrown) {
      if (isApiError(thrown, 'API_ABORTED')) return false;
      if (thrown instanceof MmsError && !thrown.retryable) throw thrown;
      logger.warn({ error: messageOf(thrown) }, "KServe's Lease cannot be read; retrying");
    }
    await watch.pause(POLL, signal);
  }
  return false;
}
