import {
  milliseconds,
  seconds,
  type Clock,
  type MonotonicMs,
  type Milliseconds,
  type Random,
} from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './api-client.ts';
import { startDeadline, type Deadline } from '../lib/deadline.ts';
import { createLeaseLock, type LeaseAttempt, type LeaseLock } from './lease-lock.ts';

/** client-go's defaults for controllers: tools/leaderelection, leaderelection.go. */
export interface LeaderElectionDurations {
  /** How long a lease is valid after its last renewal; whole seconds. */
  readonly lease: Milliseconds;
  /** How long a leader keeps leading without a renewal; must be shorter than `lease`. */
  readonly renewDeadline: Milliseconds;
  /** Between two attempts; must be shorter than `renewDeadline`. */
  readonly retryPeriod: Milliseconds;
}

const DEFAULT_LEADER_ELECTION_DURATIONS: LeaderElectionDurations = {
  lease: seconds(15),
  renewDeadline: seconds(10),
  retryPeriod: seconds(2),
};

/** Less than client-go's 1.2, whose worst case, 15 + 2 × 4.4 s, is too long for a cluster without a leader. */
const RETRY_JITTER = 0.2;

export interface LeaderElectionOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Namespace and name of the Lease. */
  readonly name: string;
  /** Unique to this process, such as the pod's name and a random part. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly durations?: LeaderElectionDurations;
  /** On stop() keep the lease until it expires. By default it is released. */
  readonly keepOnStop?: boolean;
  /** The signal aborts when this replica stops leading. Nothing may be written after that. */
  readonly onStartedLeading: (signal: AbortSignal) => void | Promise<void>;
  /** Called once per term, right after its signal aborted. On stop() the lease is held until it has resolved. */
  readonly onStoppedLeading: () => void | Promise<void>;
}

export interface LeaderElection {
  isLeader(): boolean;
  /**
   * Ends leading, releases the lease (unless `keepOnStop`) so that another replica can lead at once, and then
   * resolves.
   */
  stop(): Promise<void>;
}

/**
 * Competes for a Lease until stopped. All times are durations measured here, never another machine's clock. A candidate
 * waits until it has itself seen the lease unchanged for its whole duration. A leader counts from before it sent its
 * last successful renewal, and so stops before any other replica can start.
 */
export function startLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const durations = options.durations ?? DEFAULT_LEADER_ELECTION_DURATIONS;
  checkDurations(durations);
  const context: ElectionContext = {
    options,
    durations,
    stopping: new AbortController(),
    lock: createLeaseLock({
      ...options,
      duration: durations.lease,
      // A request on a dead connection must leave time for one on another connection.
      timeout: milliseconds(durations.renewDeadline / 3),
    }),
    term: undefined,
  };
  const finished = compete(context);
  return {
    // Check the clock too: a process that was frozen may run other code before its timers.
    isLeader: () =>
      context.term !== undefined &&
      !context.term.ended.signal.aborted &&
      options.clock.monotonic() - context.term.renewedAt < durations.lease,
    async stop() {
      context.stopping.abort();
      await finished;
    },
  };
}

/** One term as leader. */
interface Term {
  readonly ended: AbortController;
  renewedAt: MonotonicMs;
}

interface ElectionContext {
  readonly options: LeaderElectionOptions;
  readonly durations: LeaderElectionDurations;
  readonly stopping: AbortController;
  readonly lock: LeaseLock;
  term: Term | undefined;
}

async function compete(context: ElectionContext): Promise<void> {
  const { options, durations, stopping, lock } = context;
  const stopped = (): boolean => stopping.signal.aborted;
  while (!stopped()) {
    const renewal = startRenewal(context);
    const attempt = await tryOnce(context, renewal.deadline.signal);
    if (attempt.held && !stopped()) await lead(context, renewal);
    else renewal.deadline.clear();
    if (stopped()) break;
    // No later than the moment at which the other replica's lease expires.
    const retry = durations.retryPeriod * (1 + RETRY_JITTER * options.random());
    const wait = milliseconds(Math.min(retry, attempt.freeIn ?? retry));
    await options.clock.sleep(wait, stopping.signal);
    lock.waited(wait);
  }
  // Also after an attempt that stop() cut short: it may still have reached the server.
  if (options.keepOnStop !== true) await release(context);
}

/** A renewal about to be sent, and how long this replica may lead if it succeeds. */
interface Renewal {
  readonly sentAt: MonotonicMs;
  readonly deadline: Deadline;
}

/** Measured by a timer, which a change of the wall clock does not affect. */
function startRenewal({ options, durations, stopping }: ElectionContext): Renewal {
  const deadline = startDeadline(options.clock, durations.renewDeadline, stopping.signal);
  return { sentAt: options.clock.monotonic(), deadline };
}

/** From acquiring the lease to the end of all work that needs it. */
async function lead(context: ElectionContext, won: Renewal): Promise<void> {
  const { options, stopping } = context;
  const term: Term = { ended: new AbortController(), renewedAt: won.sentAt };
  context.term = term;
  options.logger.info({ identity: options.identity }, 'this replica leads');
  const work = guarded(context, () => options.onStartedLeading(term.ended.signal));
  await renewWhilePossible(context, term, won);
  term.ended.abort();
  context.term = undefined;
  options.logger.info({ identity: options.identity }, 'this replica no longer leads');
  const closed = Promise.all([work, guarded(context, () => options.onStoppedLeading())]);
  if (!stopping.signal.aborted) {
    await closed;
    return;
  }
  // Work that does not end must not hold the lease longer than its duration.
  const timer = new AbortController();
  await Promise.race([closed, options.clock.sleep(context.durations.renewDeadline, timer.signal)]);
  timer.abort();
}

/** Returns when the lease is lost, when it was not renewed in time, or on stop. */
async function renewWhilePossible(context: ElectionContext, term: Term, won: Renewal): Promise<void> {
  const { options, durations } = context;
  let { deadline } = won;
  const over = (): boolean => deadline.signal.aborted;
  try {
    for (;;) {
      await options.clock.sleep(durations.retryPeriod, deadline.signal);
      if (over()) return;
      const renewal = startRenewal(context);
      const attempt = await tryOnce(context, deadline.signal);
      const renewed = attempt.held && !over();
      (renewed ? deadline : renewal.deadline).clear();
      if (over() || attempt.holder !== undefined) return;
      if (!renewed) continue;
      deadline = renewal.deadline;
      term.renewedAt = renewal.sentAt;
    }
  } finally {
    deadline.clear();
  }
}

/** A failure shows neither that the lease is held nor that another replica holds it. */
async function tryOnce(context: ElectionContext, signal: AbortSignal): Promise<LeaseAttempt> {
  const { options, stopping, lock } = context;
  try {
    return await lock.acquireOrRenew(signal);
  } catch (error) {
    if (!stopping.signal.aborted) {
      options.logger.warn(
        { err: error, identity: options.identity },
        'the lease could not be read or written',
      );
    }
    return { held: false };
  }
}

async function release(context: ElectionContext): Promise<void> {
  const { options, durations, lock } = context;
  const deadline = startDeadline(options.clock, durations.retryPeriod);
  try {
    await lock.release(deadline.signal);
  } catch (error) {
    options.logger.warn({ err: error }, 'the lease could not be released; it expires');
  } finally {
    deadline.clear();
  }
}

async function guarded(context: ElectionContext, callback: () => void | Promise<void>): Promise<void> {
  try {
    await callback();
  } catch (error) {
    context.options.logger.error({ err: error }, 'a task of the leader failed');
  }
}

function checkDurations({ lease, renewDeadline, retryPeriod }: LeaderElectionDurations): void {
  if (lease % 1000 === 0 && lease > renewDeadline && renewDeadline > retryPeriod && retryPeriod > 0) return;
  throw new RangeError(
    'leader election needs a lease in whole seconds, a renewDeadline shorter than it and a retryPeriod shorter than that',
  );
}
