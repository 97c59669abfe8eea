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
  /** Aborts when the agent ends: nothing is loaded from then on. */
  readonly stopping: AbortSignal;
}

/** What the proxy asks, answered out of the books. A request for a model that is loaded costs a look into a map and two counters. */
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

/** What a larger budget would bring, told before anybody has to try it. */
function countSpared({ counts, evictedBytes, memory }: Books, { evictedAfter }: Entry): void {
  if (evictedAfter === undefined) return;
  for (const times of keptBy(evictedBytes - evictedAfter, memory.budget()))
    counts.spared.set(times, (counts.spared.get(times) ?? 0) + 1);
}

function isWanted({ known }: Entry): boolean {
  return known !== undefined;
}

/** It is removed, and the model server says so: while it loads a model that was removed meanwhile, it does not yet. */
function isGone(entry: Entry): boolean {
  return !isWanted(entry) && !isBeingLoaded(entry);
}

/**
 * What an agent before this one had loaded may be gone with the model server: until that has said what it has, requests wait.
 * Passed on, they would be told 404 for a model that there is.
 */
function answersNow({ onDemand, serverUp }: Books, entry: Entry): boolean {
  return answers(entry) && (!onDemand || serverUp || entry.model?.served.kind !== 'unknown');
}

/** Its unload was decided and not sent: it stays. */
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

/** Nobody waits for it any more: a load that has not begun is not begun. */
function desert(books: Books, entry: Entry): void {
  if (entry.queue !== 'request') return;
  books.queues.remove(entry);
  if (entry.residence === 'disk') send(books, entry, 'rest');
  enqueue(books, entry);
  books.look();
}
