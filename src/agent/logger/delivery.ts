import { backoffDelay } from '../../lib/backoff.ts';
import { type Clock, milliseconds, type Random, seconds } from '../../lib/clock.ts';
import type { ParcelQueue } from './parcel-queue.ts';
import type { Parcel } from './parcels.ts';
import type { ProgressCount } from './progress.ts';

/** The outcome of sending a record. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** The same record may be accepted later. */
  | { readonly kind: 'later'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Delivers records, one parcel at a time for each worker. */
interface Delivery {
  /** Accepts records. Never waits. */
  offer(parcel: Parcel): void;
  /** Sends the remaining records until time is up. The rest is dropped. */
  stop(): Promise<void>;
}

interface DeliveryDeps {
  readonly queue: ParcelQueue;
  readonly workers: number;
  /** Never rejects. Ends early when time is up. */
  readonly send: (parcel: Parcel) => Promise<SendOutcome>;
  readonly count: ProgressCount;
  readonly clock: Clock;
  readonly random: Random;
  /** Time is up. */
  readonly cut: AbortSignal;
}

const RETRY = { base: milliseconds(250), cap: seconds(30) };
/** At shutdown there is no time for long waits. */
const LAST_RETRY = { base: milliseconds(50), cap: milliseconds(500) };

/** The outcome of a worker's attempt: the parcel is done, or must be retried; and whether the sink needs a pause. */
type Attempt = 'gone' | 'gone, pause' | 'again';

/** Starts the workers. What the sink does not accept now is retried while there is room for later records. */
export function startDelivery(deps: DeliveryDeps): Delivery {
  const { queue, workers, count, cut } = deps;
  const stopping = new AbortController();
  const idle = createRest();
  const pauses = createPauses(deps, stopping.signal);
  const attempt = attempter(deps, stopping.signal);
  const giveUp = (parcel: Parcel): void => {
    queue.done(parcel);
    count.dropped(parcel, 'the agent ended');
  };
  const work = async (): Promise<void> => {
    let failures = 0;
    let parcel = queue.next();
    while (!cut.aborted) {
      if (parcel === undefined) {
        if (stopping.signal.aborted) return;
        await idle.rest();
        parcel = queue.next();
        continue;
      }
      const ended = await attempt(parcel);
      failures = ended === 'gone' ? 0 : failures + 1;
      const isGone = ended !== 'again';
      if (isGone) queue.done(parcel);
      if (ended === 'gone') pauses.end();
      else await pauses.pause(failures);
      if (isGone) parcel = queue.next();
    }
    if (parcel !== undefined) giveUp(parcel);
  };
  const working = Promise.all(Array.from({ length: workers }, work));
  return {
    offer: (parcel) => {
      queue.add(parcel);
      idle.wakeOne();
    },
    stop: async () => {
      stopping.abort();
      idle.wakeAll();
      await working;
      for (let left = queue.next(); left !== undefined; left = queue.next()) giveUp(left);
    },
  };
}

/** Idle workers. */
function createRest() {
  let wake: (() => void)[] = [];
  return {
    rest: (): Promise<void> => new Promise((resolve) => wake.push(resolve)),
    wakeOne: (): void => wake.pop()?.(),
    wakeAll: (): void => {
      const sleeping = wake;
      wake = [];
      for (const one of sleeping) one();
    },
  };
}

/**
 * What workers do after a failure. A sink that is down is tried seldom, however many records come, so that it costs
 * requests nothing. Once it accepts an event, all continue.
 */
function createPauses({ clock, random, cut }: DeliveryDeps, stopping: AbortSignal) {
  let paused = 0;
  let over = new AbortController();
  return {
    pause: async (failures: number): Promise<void> => {
      const isEnding = stopping.aborted;
      const until = AbortSignal.any([isEnding ? cut : stopping, over.signal]);
      paused += 1;
      await clock.sleep(backoffDelay(failures, isEnding ? LAST_RETRY : RETRY, random), until);
      paused -= 1;
    },
    end: (): void => {
      if (paused === 0) return;
      over.abort();
      over = new AbortController();
    },
  };
}

/** Sends a parcel once. It is retried unless it was accepted, was refused, or blocks others. */
function attempter(
  { queue, count, send, cut }: DeliveryDeps,
  stopping: AbortSignal,
): (parcel: Parcel) => Promise<Attempt> {
  return async (parcel) => {
    const outcome = await send(parcel);
    if (outcome.kind === 'sent') {
      count.sent(parcel);
      return 'gone';
    }
    count.failed(parcel);
    if (outcome.kind === 'refused') {
      count.dropped(parcel, outcome.why);
      return 'gone';
    }
    if (!cut.aborted && (stopping.aborted || !queue.isCrowded())) return 'again';
    count.dropped(parcel, outcome.why);
    return 'gone, pause';
  };
}
