import { backoffDelay } from '../../lib/backoff.ts';
import { type Clock, milliseconds, type Random, seconds } from '../../lib/clock.ts';
import type { ParcelQueue } from './parcel-queue.ts';
import type { Parcel } from './parcels.ts';
import type { ProgressCount } from './progress.ts';

/** How sending a record ended. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** The same record may be taken later. */
  | { readonly kind: 'later'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Takes records to where they go, a parcel at a time for each worker. */
interface Delivery {
  /** Takes records. Never waits. */
  offer(parcel: Parcel): void;
  /** Sends what is there until time is up; the rest is dropped. */
  stop(): Promise<void>;
}

interface DeliveryDeps {
  readonly queue: ParcelQueue;
  readonly workers: number;
  /** Never rejects; ends early when time is up. */
  readonly send: (parcel: Parcel) => Promise<SendOutcome>;
  readonly count: ProgressCount;
  readonly clock: Clock;
  readonly random: Random;
  /** Time is up. */
  readonly cut: AbortSignal;
}

const RETRY = { base: milliseconds(250), cap: seconds(30) };
/** At the end there is no time for long waits. */
const LAST_RETRY = { base: milliseconds(50), cap: milliseconds(500) };

/** Starts the workers. What the sink cannot take now is tried again while there is room for those after it. */
export function startDelivery(deps: DeliveryDeps): Delivery {
  const { queue, workers, count, cut } = deps;
  const stopping = new AbortController();
  let wake: (() => void)[] = [];
  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      wake.push(resolve);
    });
  const deliver = deliverer(deps, stopping.signal);
  const work = async (): Promise<void> => {
    while (!cut.aborted) {
      const parcel = queue.next();
      if (parcel === undefined) {
        if (stopping.signal.aborted) return;
        await rest();
        continue;
      }
      await deliver(parcel);
      queue.done(parcel);
    }
  };
  const working = Promise.all(Array.from({ length: workers }, work));
  return {
    offer: (parcel) => {
      queue.add(parcel);
      wake.pop()?.();
    },
    stop: async () => {
      stopping.abort();
      const sleeping = wake;
      wake = [];
      for (const one of sleeping) one();
      await working;
      for (let left = queue.next(); left !== undefined; left = queue.next()) {
        queue.done(left);
        count.dropped(left, 'the agent ended');
      }
    },
  };
}

/** Sends a parcel until it is taken, refused, or in the way of others. */
function deliverer(
  { queue, count, send, clock, random, cut }: DeliveryDeps,
  stopping: AbortSignal,
): (parcel: Parcel) => Promise<void> {
  return async (parcel) => {
    for (let failures = 1; ; failures += 1) {
      const outcome = await send(parcel);
      if (outcome.kind === 'sent') {
        count.sent(parcel);
        return;
      }
      count.failed(parcel);
      const mustWait = outcome.kind === 'later' && !cut.aborted;
      if (!mustWait || (queue.isCrowded() && !stopping.aborted)) {
        count.dropped(parcel, outcome.why);
        return;
      }
      const policy = stopping.aborted ? LAST_RETRY : RETRY;
      const until = stopping.aborted ? cut : stopping;
      await clock.sleep(backoffDelay(failures, policy, random), until);
    }
  };
}
