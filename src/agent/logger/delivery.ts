import { backoffDelay } from '../../lib/backoff.ts';
import { type Clock, milliseconds, type MonotonicMs, type Random, seconds } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { LogQueue } from './log-queue.ts';
import type { LoggerMetrics } from './metrics.ts';
import type { Parcel } from './parcels.ts';

/** How sending a record ended. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** The same record may be taken later. */
  | { readonly kind: 'later'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Takes records to where they go, a parcel at a time for each worker. */
interface Delivery {
  /** Takes records, whose bytes are held in the queue, or drops them. Never waits. */
  offer(parcel: Parcel): void;
  /** Records that were given up before they were whole. */
  dropped(count: number): void;
  /** Sends what is there until the signal aborts; the rest is dropped. */
  stop(signal: AbortSignal): Promise<void>;
}

interface DeliveryDeps {
  readonly queue: LogQueue;
  readonly workers: number;
  /** Never rejects. */
  readonly send: (parcel: Parcel, signal: AbortSignal) => Promise<SendOutcome>;
  readonly metrics: LoggerMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY = { base: milliseconds(250), cap: seconds(30) };
/** At the end there is no time for long waits. */
const LAST_RETRY = { base: milliseconds(50), cap: milliseconds(500) };
const TELL_EVERY = seconds(60);

/** Starts the workers. What the sink cannot take now is tried again while there is room for those after it. */
export function startDelivery(deps: DeliveryDeps): Delivery {
  const { queue, metrics, workers } = deps;
  const losses = tellLosses(deps);
  const stopping = new AbortController();
  const cut = new AbortController();
  let idle = 0;
  let wake: (() => void)[] = [];
  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      wake.push(resolve);
    });
  const drop = (count: number, why: string): void => {
    metrics.count('dropped', count);
    losses.add(count, why);
  };
  const deliver = deliverer(deps, { drop, stopping: stopping.signal, cut: cut.signal });
  const work = async (): Promise<void> => {
    while (!cut.signal.aborted) {
      const parcel = queue.next();
      if (parcel === undefined) {
        if (stopping.signal.aborted) return;
        idle += 1;
        await rest();
        idle -= 1;
        continue;
      }
      await deliver(parcel);
      queue.done(parcel);
    }
  };
  const working = Promise.all(Array.from({ length: workers }, work));
  const wakeAll = (): void => {
    const sleeping = wake;
    wake = [];
    for (const one of sleeping) one();
  };
  return {
    offer: (parcel) => {
      if (!queue.add(parcel)) {
        for (const { body } of parcel) queue.give(body.length);
        drop(parcel.length, 'the queue is full');
      } else if (idle > 0) wake.pop()?.();
    },
    dropped: (count) => drop(count, 'the queue is full'),
    stop: async (signal) => {
      stopping.abort();
      wakeAll();
      const end = () => cut.abort();
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
      await working;
      signal.removeEventListener('abort', end);
      for (let left = queue.next(); left !== undefined; left = queue.next()) {
        queue.done(left);
        drop(left.length, 'the agent ended');
      }
      losses.tell();
    },
  };
}

interface Ending {
  readonly drop: (count: number, why: string) => void;
  /** Long waits are over. */
  readonly stopping: AbortSignal;
  /** Everything is. */
  readonly cut: AbortSignal;
}

/** Sends a parcel until it is taken, refused, or in the way of others. */
function deliverer(
  { queue, metrics, send, clock, random }: DeliveryDeps,
  { drop, stopping, cut }: Ending,
): (parcel: Parcel) => Promise<void> {
  return async (parcel) => {
    for (let failures = 1; ; failures += 1) {
      const outcome = await send(parcel, cut);
      if (outcome.kind === 'sent') {
        metrics.count('sent', parcel.length);
        return;
      }
      metrics.count('failed', parcel.length);
      const mustWait = outcome.kind === 'later' && !cut.aborted;
      if (!mustWait || (queue.isCrowded() && !stopping.aborted)) {
        drop(parcel.length, outcome.why);
        return;
      }
      const policy = stopping.aborted ? LAST_RETRY : RETRY;
      const until = stopping.aborted ? cut : stopping;
      await clock.sleep(backoffDelay(failures, policy, random), until);
    }
  };
}

/** Says in the log what was lost, at most once a minute. */
function tellLosses({ clock, log }: Pick<DeliveryDeps, 'clock' | 'log'>) {
  let untold = 0;
  let last = '';
  let told: MonotonicMs | undefined;
  const tell = (): void => {
    if (untold === 0) return;
    log.warn(
      { dropped: untold, why: last },
      'events were dropped: the log sink does not take them as fast as they come',
    );
    untold = 0;
    told = clock.monotonic();
  };
  return {
    tell,
    add: (count: number, why: string): void => {
      untold += count;
      last = why;
      if (told === undefined || clock.monotonic() - told >= TELL_EVERY) tell();
    },
  };
}
