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

/** As client-go's defaults for controllers: tools/leaderelection, leaderelection.go. */
export interface LeaderElectionDurations {
  /** How long a lease counts after its last renewal; whole seconds. */
  readonly lease: Milliseconds;
  /** How long a leader goes on without a renewal; must be shorter than `lease`. */
  readonly renewDeadline: Milliseconds;
  /** Between two tries; must be shorter than `renewDeadline`. */
  readonly retryPeriod: Milliseconds;
}

const DEFAULT_LEADER_ELECTION_DURATIONS: LeaderElectionDurations = {
  lease: seconds(15),
  renewDeadline: seconds(10),
  retryPeriod: seconds(2),
};

/** Less than client-go's 1.2: its worst case, 15 + 2 × 4.4 s, is longer than a cluster should be without a leader. */
const RETRY_JITTER = 0.2;

export interface LeaderElectionOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unique to this process, such as the pod's name and a random part. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly durations?: LeaderElectionDurations;
  /** Leave the lease as it is on stop(): it ends by itself. Otherwise it is given back. */
  readonly keepOnStop?: boolean;
  /** The signal aborts when the lead ends; nothing may be written after that. */
  readonly onStartedLeading: (signal: AbortSignal) => void | Promise<void>;
  /** Once for each time of leading, right after its signal aborted. On stop() the lease is held until it has resolved. */
  readonly onStoppedLeading: () => void | Promise<void>;
}

export interface LeaderElection {
  isLeader(): boolean;
  /**
   * Ends leading, gives the lease back (unless `keepOnStop`) so that another replica leads at once, and resolves after
   * that.
   */
  stop(): Promise<void>;
}

/**
 * Competes for a Lease until stopped. Times are spans measured here, never another machine's clock: a candidate waits until
 * it has itself seen the lease unchanged for its whole duration; a leader counts from before it sent its last successful
 * renewal and so stops before anyone else can start.
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
      // A request on a connection that died must leave time for one on another.
      timeout: milliseconds(durations.renewDeadline / 3),
    }),
    term: undefined,
  };
  const finished = compete(context);
  return {
    // The clock is asked too: a process that was frozen may run other code before its timers.
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

/** One time of leading. */
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
    // No later than the moment in which the other's lease ends.
    const retry = durations.retryPeriod * (1 + RETRY_JITTER * options.random());
    const wait = milliseconds(Math.min(retry, attempt.freeIn ?? retry));
    await options.clock.sleep(wait, stopping.signal);
    lock.waited(wait);
  }
  // Also after a try that was cut short by the stop, which may yet have reached the server.
  if (options.keepOnStop !== true) await release(context);
}

/** A renewal about to be sent, and how long it allows to lead should it succeed. */
interface Renewal {
  readonly sentAt: MonotonicMs;
  readonly deadline: Deadline;
}

/** Counted by a timer, which no change of the wall clock moves. */
function startRenewal({ options, durations, stopping }: ElectionContext): Renewal {
  const deadline = startDeadline(options.clock, durations.renewDeadline, stopping.signal);
  return { sentAt: options.clock.monotonic(), deadline };
}

/** From winning the lease to having ended all that comes with it. */
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
  // Work that does not end must not keep the lease from others longer than its natural end.
  const timer = new AbortController();
  await Promise.race([closed, options.clock.sleep(context.durations.renewDeadline, timer.signal)]);
  timer.abort();
}

/** Returns when the lead is lost, when it has not been renewed in time, or on stop. */
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

/** A failure is no answer: neither held nor known to be someone else's. */
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
    options.logger.warn({ err: error }, 'the lease could not be given back; it ends by itself');
  } finally {
    deadline.clear();
  }
}

async function guarded(context: ElectionContext, callback: () => void | Promise<void>): Promise<void> {
  try {
    await callback();
  } catch (error) {
    context.options.logger.error({ err: error }, 'what goes with leading failed');
  }
}

function checkDurations({ lease, renewDeadline, retryPeriod }: LeaderElectionDurations): void {
  if (lease % 1000 === 0 && lease > renewDeadline && renewDeadline > retryPeriod && retryPeriod > 0) return;
  throw new RangeError(
    'leader election wants a lease in whole seconds, a renewDeadline shorter than it and a retryPeriod shorter than that',
  );
}
