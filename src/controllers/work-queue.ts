import { backoffDelay, type BackoffPolicy } from '../lib/backoff.ts';
import { milliseconds, type Clock, type MonotonicMs, type Milliseconds, type Random } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import {
  createCoalescingWindows,
  type CoalescingPolicy,
  type CoalescingWindows,
} from './coalescing-windows.ts';
import { createKeyTimers, type KeyTimers } from '../lib/key-timers.ts';
import { createFairQueue, type FairQueue, type Sharer } from './fair-queue.ts';

type Outcome = 'done' | 'retry' | 'gave-up';

/** Events of the queue, for metrics. */
export type WorkQueueEvent<K extends string> =
  /** Due keys that wait for a worker. */
  | { readonly type: 'depth'; readonly depth: number }
  /** `waited`: since the key became due. */
  | { readonly type: 'started'; readonly key: K; readonly waited: Milliseconds }
  | {
      readonly type: 'finished';
      readonly key: K;
      readonly outcome: Outcome;
      /** The code of the error of a failed run; undefined for a run that succeeded or was stopped. */
      readonly code: string | undefined;
      readonly duration: Milliseconds;
    };

/** The code of an unexpected error. */
const UNEXPECTED = 'UNEXPECTED';

export interface WorkQueueOptions<K extends string> {
  /** Reconciles one key. It must read the state itself, since a key may stand for many changes. */
  readonly process: (key: K, signal: AbortSignal) => Promise<void>;
  /** How many keys are processed concurrently. */
  readonly workers: number;
  /** The backoff after failures of one key. */
  readonly backoff: BackoffPolicy;
  /** Whether a due key goes before all that are not urgent. By default none does. */
  readonly isUrgent?: (key: K) => boolean;
  /**
   * The sharer of a key. Sharers take turns, so that one with a thousand keys delays another's by one run each. By
   * default all keys have the same sharer.
   */
  readonly sharerOf?: (key: K) => Sharer;
  /** Merges a burst of changes into few runs. None by default. */
  readonly coalesce?: CoalescingPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Must not throw. */
  readonly observe?: (event: WorkQueueEvent<K>) => void;
}

/** Keys to process: each is in it at most once, and never runs on two workers. */
export interface WorkQueue<K extends string> {
  /** The key is due now, or after the current run, or at the end of its coalescing window. */
  add(key: K): void;
  /** The key becomes due after the delay. Of two such times the earlier counts. */
  addAfter(key: K, span: Milliseconds): void;
  /** Forgets past failures and a pending retry: for a key whose object is gone. */
  forget(key: K): void;
  /** Due keys that wait for a worker. */
  readonly depth: number;
  /** How many of them belong to one namespace. */
  depthOf(namespace: string): number;
  /**
   * Takes no more keys, and resolves once the current runs have ended. Their signal aborts after `grace`; immediately
   * by default, as when the lead is lost.
   */
  stop(grace?: Milliseconds): Promise<void>;
}

/**
 * Starts the workers. A failed run is retried with backoff; after an error that is not retryable, the key waits to be
 * added again. Nothing in `process` becomes an unhandled rejection.
 */
export function startWorkQueue<K extends string>(options: WorkQueueOptions<K>): WorkQueue<K> {
  const queue = createQueue(options);
  return {
    add: (key) => {
      queue.windows?.changed(key);
      add(queue, key);
    },
    addAfter: (key, span) => queue.delayed.set(key, span),
    forget: (key) => {
      queue.failures.delete(key);
      queue.retries.cancel(key);
    },
    get depth() {
      return queue.due.size;
    },
    depthOf: (namespace) => queue.turns.due.sizeOf(namespace) + queue.turns.urgent.sizeOf(namespace),
    stop: (grace = milliseconds(0)) => stop(queue, grace),
  };
}

interface Queue<K extends string> {
  readonly options: WorkQueueOptions<K>;
  readonly observe: (event: WorkQueueEvent<K>) => void;
  readonly stopping: AbortController;
  readonly aborting: AbortController;
  /** Keys that are due. */
  readonly due: Map<K, DueKey>;
  /** The same keys in processing order; urgent ones come first. */
  readonly turns: Readonly<Record<'urgent' | 'due', FairQueue<K>>>;
  urgentInARow: number;
  readonly running: Map<K, Promise<void>>;
  /** Added while they could not become due: running, or in their window. */
  readonly again: Set<K>;
  /** Consecutive failures by key. */
  readonly failures: Map<K, number>;
  readonly windows: CoalescingWindows<K> | undefined;
  readonly delayed: KeyTimers<K>;
  readonly retries: KeyTimers<K>;
}

interface DueKey {
  readonly since: MonotonicMs;
  readonly sharer: Sharer;
  readonly urgent: boolean;
}

const ALL_OF_ONE: Sharer = { namespace: '', inferenceService: '' };

function createQueue<K extends string>(options: WorkQueueOptions<K>): Queue<K> {
  const stopping = new AbortController();
  const timers = (onTime: (key: K) => void): KeyTimers<K> =>
    createKeyTimers(options.clock, stopping.signal, onTime);
  const queue: Queue<K> = {
    options,
    observe: options.observe ?? (() => undefined),
    stopping,
    aborting: new AbortController(),
    due: new Map(),
    turns: { urgent: createFairQueue(), due: createFairQueue() },
    urgentInARow: 0,
    running: new Map(),
    again: new Set(),
    failures: new Map(),
    windows:
      options.coalesce &&
      createCoalescingWindows(options.coalesce, options.clock, stopping.signal, (key) =>
        addAgain(queue, key),
      ),
    delayed: timers((key) => add(queue, key)),
    retries: timers((key) => add(queue, key)),
  };
  return queue;
}

function add<K extends string>(queue: Queue<K>, key: K): void {
  const { due, turns, options } = queue;
  const before = due.get(key);
  if (queue.stopping.signal.aborted || before?.urgent === true) return;
  const urgent = options.isUrgent?.(key) === true;
  if (before !== undefined && !urgent) return;
  if (isHeldBack(queue, key)) {
    queue.again.add(key);
    return;
  }
  if (before !== undefined) turns.due.remove(before.sharer, key);
  const sharer = options.sharerOf?.(key) ?? ALL_OF_ONE;
  due.set(key, { since: before?.since ?? options.clock.monotonic(), sharer, urgent });
  turns[urgent ? 'urgent' : 'due'].push(sharer, key);
  queue.observe({ type: 'depth', depth: due.size });
  startRuns(queue);
}

/**
 * Urgent keys in a row; then one of the others runs, so that a tenant whose keys are always urgent never blocks others
 * for good.
 */
const URGENT_IN_A_ROW = 3;

/** Removes the next key. */
function nextInTurn<K extends string>(queue: Queue<K>): readonly [K, MonotonicMs] | undefined {
  const { due, turns } = queue;
  const isUrgent = turns.urgent.size > 0 && (turns.due.size === 0 || queue.urgentInARow < URGENT_IN_A_ROW);
  const key = turns[isUrgent ? 'urgent' : 'due'].next();
  const taken = key === undefined ? undefined : due.get(key);
  if (key === undefined || taken === undefined) return undefined;
  queue.urgentInARow = isUrgent ? queue.urgentInARow + 1 : 0;
  due.delete(key);
  return [key, taken.since];
}

/** Once nothing holds the key back any more. */
function addAgain<K extends string>(queue: Queue<K>, key: K): void {
  if (isHeldBack(queue, key)) return;
  if (queue.again.delete(key)) add(queue, key);
}

function isHeldBack<K extends string>({ running, windows }: Queue<K>, key: K): boolean {
  return running.has(key) || windows?.has(key) === true;
}

function startRuns<K extends string>(queue: Queue<K>): void {
  const { options, running } = queue;
  while (running.size < options.workers) {
    const [key, since] = nextInTurn(queue) ?? [];
    if (key === undefined || since === undefined) return;
    // This run covers what a retry would.
    queue.retries.cancel(key);
    queue.windows?.open(key);
    queue.observe({ type: 'depth', depth: queue.due.size });
    queue.observe({ type: 'started', key, waited: elapsed(queue, since) });
    running.set(key, run(queue, key));
  }
}

async function run<K extends string>(queue: Queue<K>, key: K): Promise<void> {
  const { options } = queue;
  const startedAt = options.clock.monotonic();
  let outcome: Outcome = 'done';
  let code: string | undefined;
  try {
    // Not in the same tick as add(), so that the work does not delay a caller that adds keys in a loop.
    await Promise.resolve();
    await options.process(key, queue.aborting.signal);
    queue.failures.delete(key);
  } catch (error) {
    outcome = failed(queue, key, error);
    if (!queue.aborting.signal.aborted) code = error instanceof MmsError ? error.code : UNEXPECTED;
  }
  queue.running.delete(key);
  queue.observe({ type: 'finished', key, outcome, code, duration: elapsed(queue, startedAt) });
  addAgain(queue, key);
  startRuns(queue);
}

function failed<K extends string>(queue: Queue<K>, key: K, error: unknown): Outcome {
  const { logger, backoff, random } = queue.options;
  // A run that was stopped has not failed.
  if (queue.aborting.signal.aborted) return 'gave-up';
  if (error instanceof MmsError && !error.retryable) {
    queue.failures.delete(key);
    logger.error({ err: error, key }, 'a key cannot be processed; waiting for a change');
    return 'gave-up';
  }
  const count = (queue.failures.get(key) ?? 0) + 1;
  queue.failures.set(key, count);
  const after = backoffDelay(count, backoff, random);
  logger.warn({ err: error, key, failures: count, retryInMs: Math.round(after) }, 'a key failed; retrying');
  queue.retries.set(key, after);
  return 'retry';
}

async function stop<K extends string>(queue: Queue<K>, grace: Milliseconds): Promise<void> {
  queue.stopping.abort();
  queue.due.clear();
  queue.again.clear();
  const ended = Promise.all(queue.running.values());
  const timer = new AbortController();
  if (grace > 0) await Promise.race([ended, queue.options.clock.sleep(grace, timer.signal)]);
  timer.abort();
  queue.aborting.abort();
  await ended;
}

function elapsed<K extends string>(queue: Queue<K>, since: MonotonicMs): Milliseconds {
  return milliseconds(Math.max(0, queue.options.clock.monotonic() - since));
}
