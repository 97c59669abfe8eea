import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { type Clock, type Milliseconds, seconds } from '../../lib/clock.ts';
import { type Entry, NO_WAITERS, type Waiter } from './entry.ts';
import type { WakeOutcome, WakeRefusal } from './waker.ts';

/** The most requests that may wait for one model, and in all: each holds a connection, and none of its body. */
const MOST_WAITING = { forOne: 1_000, overAll: 10_000 };

/** When to retry if nothing better is known. */
const SOON: Milliseconds = seconds(1);

/** The requests that wait for their models. */
export interface WaitingRoom {
  /**
   * Holds a request until {@link endAll}, a timeout or its client ends the wait.
   * @param deserted called when the last waiting client has disconnected
   */
  wait(entry: Entry, signal: AbortSignal, deserted: () => void): Promise<WakeOutcome>;
  endAll(entry: Entry, outcome: WakeOutcome): void;
  count(): number;
}

export function refusal(reason: WakeRefusal, message: string, retryAfter: Milliseconds = SOON): WakeOutcome {
  return { kind: 'refused', reason, message, retryAfter };
}

/** @param serverUp decides the reason of a timeout */
export function createWaitingRoom(clock: Clock, timeout: Milliseconds, serverUp: () => boolean): WaitingRoom {
  let count = 0;
  const crowds = new Map<Entry, Set<Waiter>>();
  const join = (entry: Entry, waiter: Waiter): void => {
    const crowd = crowds.get(entry) ?? new Set();
    crowds.set(entry, crowd.add(waiter));
    entry.waiters = crowd;
    count += 1;
  };
  const leave = (entry: Entry, waiter: Waiter): boolean => {
    const crowd = crowds.get(entry);
    if (crowd?.delete(waiter) !== true) return false;
    count -= 1;
    if (crowd.size === 0) {
      crowds.delete(entry);
      entry.waiters = NO_WAITERS;
    }
    return true;
  };
  return {
    count: () => count,
    wait: (entry, signal, deserted) => {
      const full = tooMany(entry, count);
      if (full !== undefined) return Promise.resolve(full);
      return new Promise((resolve) => {
        const over = new AbortController();
        const waiter: Waiter = {
          end: (outcome) => {
            if (!leave(entry, waiter)) return;
            signal.removeEventListener('abort', gone);
            over.abort(NO_MORE_WAITING);
            resolve(outcome);
          },
        };
        const gone = (): void => {
          waiter.end(refusal('Stopping', 'the client went away'));
          if (entry.waiters.size === 0) deserted();
        };
        join(entry, waiter);
        signal.addEventListener('abort', gone, { once: true });
        void clock.sleep(timeout, over.signal).then(() => {
          waiter.end(tooLong(entry.name, timeout, serverUp()));
        });
        if (signal.aborted) gone();
      });
    },
    endAll: (entry, outcome) => {
      for (const waiter of [...entry.waiters]) waiter.end(outcome);
    },
  };
}

function tooMany(entry: Entry, count: number): WakeOutcome | undefined {
  if (entry.waiters.size >= MOST_WAITING.forOne)
    return refusal('TooManyWaiting', `${MOST_WAITING.forOne} requests wait for model ${entry.name} already`);
  if (count >= MOST_WAITING.overAll)
    return refusal('TooManyWaiting', `${MOST_WAITING.overAll} requests wait for models already`);
  return undefined;
}

function tooLong(name: string, span: Milliseconds, up: boolean): WakeOutcome {
  const waited = `after ${span / 1000} s of waiting`;
  return up
    ? refusal('WaitTimeout', `model ${name} is not loaded yet ${waited}; it is loaded all the same`)
    : refusal('ModelServerAway', `the model server does not answer ${waited}`);
}
