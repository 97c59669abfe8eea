import { milliseconds, type Milliseconds } from '../../lib/clock.ts';
import { beginUse, type Books, endUse, send } from './books.ts';
import { endWaits, ENDING } from './changes.ts';
import { answers, type Entry, isBeingLoaded, sizeOf, standingFailure, warm } from './entry.ts';
import { keptBy } from './residency.decide.ts';
import { enqueue } from './settle.ts';
import { refusal } from './waiting.ts';
import type { ModelWaker, WakeOutcome } from './waker.ts';

interface WakerSettings {
  readonly waitWhileServerIsAway: boolean;
  /** A request has waited for its model. */
  readonly waited: (took: Milliseconds, outcome: WakeOutcome) => void;
  /** Aborts when the agent stops: nothing is loaded after that. */
  readonly stopping: AbortSignal;
}

/** Answers the proxy's questions from the state. A request for a loaded model costs one map lookup and two counters. */
export function createWaker(books: Books, settings: WakerSettings): ModelWaker {
  const { waitWhileServerIsAway, waited, stopping } = settings;
  const { clock, entries } = books;
  const noUse = (): void => undefined;
  stopping.addEventListener('abort', () => endWaits(books), { once: true });
  return {
    availability: (name) => {
      const entry = entries.get(name);
      if (entry === undefined || isGone(entry)) return UNKNOWN;
      if (answersNow(books, entry)) return entry.residence === 'memory' ? LOADED : ASLEEP;
      if (books.onDemand) return books.serverUp ? ASLEEP : SERVER_AWAY;
      return waitWhileServerIsAway && !books.serverUp ? SERVER_AWAY : LOADED;
    },
    enter: (name, found) => {
      const entry = entries.get(name);
      if (entry === undefined) return noUse;
      if (found === 'at-once') books.counts.hits += 1;
      beginUse(books, entry);
      warm(entry, clock.monotonic());
      let over = false;
      return () => {
        if (over) return;
        over = true;
        endUse(books, entry);
      };
    },
    wait: (name, signal) => {
      const entry = entries.get(name);
      if (entry === undefined || isGone(entry)) return Promise.resolve({ kind: 'removed' });
      if (answersNow(books, entry)) {
        books.counts.hits += 1;
        callBack(books, entry);
        return Promise.resolve({ kind: 'loaded' });
      }
      if (stopping.aborted || (books.draining && !books.serverUp)) return Promise.resolve(ENDING);
      const now = clock.monotonic();
      const failure = standingFailure(entry, now);
      if (failure !== undefined && failure.step === 'load') {
        const { reason, message, retryAt } = failure;
        const why = `model ${name} cannot be loaded: ${reason}: ${message}`;
        return Promise.resolve(refusal('LoadFailed', why, milliseconds(retryAt - now)));
      }
      books.counts.misses += 1;
      countSpared(books, entry);
      const outcome = books.waiting.wait(entry, signal, () => desert(books, entry));
      if (books.onDemand && isWanted(entry) && entry.residence !== 'memory' && entry.waiters.size > 0) {
        books.queues.put(entry, 'request');
        books.look();
      }
      return outcome.then((how) => {
        waited(milliseconds(clock.monotonic() - now), how);
        return how;
      });
    },
    isEnding: () => stopping.aborted || books.draining,
  };
}

const LOADED = { kind: 'loaded' } as const;
const UNKNOWN = { kind: 'unknown' } as const;
const ASLEEP = { kind: 'asleep' } as const;
const SERVER_AWAY = { kind: 'server-away' } as const;

/** Records whether a larger budget would have helped, so that you can see it before you try one. */
function countSpared({ counts, evictedBytes, memory }: Books, { evictedAfter }: Entry): void {
  if (evictedAfter === undefined) return;
  for (const times of keptBy(evictedBytes - evictedAfter, memory.budget()))
    counts.spared.set(times, (counts.spared.get(times) ?? 0) + 1);
}

function isWanted({ known }: Entry): boolean {
  return known !== undefined;
}

/** It is removed, and the model server answers so, except while it still loads a model that was removed meanwhile. */
function isGone(entry: Entry): boolean {
  return !isWanted(entry) && !isBeingLoaded(entry);
}

/**
 * Models that an earlier agent had loaded may be gone with the model server. Until the server has reported its models,
 * requests wait. If they were passed on, they would get 404 for an existing model.
 */
function answersNow({ onDemand, serverUp }: Books, entry: Entry): boolean {
  return answers(entry) && (!onDemand || serverUp || entry.model?.served.kind !== 'unknown');
}

/** Its unload was decided but not sent: it stays. */
export function callBack(books: Books, entry: Entry): void {
  beginUse(books, entry);
  setImmediate(() => endUse(books, entry));
  if (entry.residence === 'memory') return;
  if (entry.charge === 0) books.memory.charge(entry, sizeOf(entry));
  books.memory.stay(entry);
  entry.seenLoaded = true;
  send(books, entry, 'memory');
  books.look();
}

/** The last waiting request has gone. If the load has not started, cancel it. */
function desert(books: Books, entry: Entry): void {
  if (entry.queue !== 'request') return;
  books.queues.remove(entry);
  if (entry.residence === 'disk') send(books, entry, 'rest');
  enqueue(books, entry);
  books.look();
}
