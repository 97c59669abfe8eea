import { milliseconds, type Milliseconds, type MonotonicMs, seconds } from '../../lib/clock.ts';
import { meansSameSpec, type ModelSpec } from '../../contract/model-config.ts';
import { RESIDENCY_ANNOTATIONS } from '../../contract/names.ts';
import { type Books, endUse, mayGo, send } from './books.ts';
import {
  answers,
  type Entry,
  holdsMemory,
  isBeingLoaded,
  isOnDisk,
  isProved,
  sizeOf,
  standingFailure,
} from './entry.ts';
import { type ByteCount, canEverFit } from './residency.decide.ts';
import { refusal } from './waiting.ts';

/**
 * How long a model stays that was loaded for a request. It grows with the time of its load, so that a server does not
 * spend all its time on loading.
 */
const MINIMUM_RESIDENCY = { timesItsLoad: 5, atLeast: milliseconds(200), atMost: seconds(10) };

/** Updates a model's state, and releases the requests that waited for it. */
export function settle(books: Books, entry: Entry, now: MonotonicMs): void {
  const { model } = entry;
  if (model === undefined) return;
  books.disk.observe(entry, model);
  if (model.desired === undefined) letGo(books, entry);
  else if (entry.known === undefined || !meansSameSpec(entry.known, model.desired))
    takeVersion(books, entry, model.desired);
  judgeSize(books, entry);
  if (!books.onDemand) settleAlways(books, entry, now);
  else if (model.desired !== undefined) settleOnDemand(books, entry, now);
  if (entry.residence !== 'memory' && !holdsMemory(entry) && entry.charge > 0) books.memory.uncharge(entry);
  if (entry.residence === 'away' && !isOnDisk(entry) && model.serve === 'none') send(books, entry, 'rest');
}

/**
 * A model that exceeds the budget, alone or beside the pinned models, is never loaded. The engine reports it in its
 * status.
 */
export function judgeSize(books: Books, entry: Entry): void {
  const [need, budget, staying] = [sizeOf(entry), books.memory.budget(), books.pinnedCharge];
  const isKept = !books.onDemand || entry.residence === 'memory';
  const why =
    isKept || canEverFit(need, { allowed: budget, budget, staying })
      ? undefined
      : tooLarge(need, budget, staying);
  if (why === entry.tooLarge) return;
  entry.tooLarge = why;
  books.changed.add(entry.name);
}

function tooLarge(need: ByteCount, budget: ByteCount, staying: ByteCount): string {
  const left = staying > 0 ? `, of which pinned models take ${staying}` : '';
  return (
    `it takes ${need} bytes of memory, and all models together may take ${budget}${left}: ` +
    `raise ${RESIDENCY_ANNOTATIONS.memoryBudget}, or the model server's memory limit`
  );
}

/** The model is no longer desired. The engine unloads and removes it. */
function letGo(books: Books, entry: Entry): void {
  entry.known = undefined;
  books.queues.remove(entry);
  books.proving.delete(entry);
  books.idle.remove(entry);
  // MLServer (1.7.1) answers 400 while it loads a model, and 404 once that is gone again.
  if (!isBeingLoaded(entry)) books.waiting.endAll(entry, { kind: 'removed' });
  if (books.onDemand) send(books, entry, 'rest');
}

function takeVersion(books: Books, entry: Entry, desired: ModelSpec): void {
  entry.known = desired;
  entry.learned = undefined;
  entry.notBefore = undefined;
  if (!books.onDemand) return;
  if (entry.residence === 'memory') {
    if (entry.charge > 0) books.memory.charge(entry, sizeOf(entry));
  } else enqueue(books, entry);
}

/** Puts a model that is not in memory into its queue, if it belongs to one. */
export function enqueue(books: Books, entry: Entry): void {
  if (entry.waiters.size > 0) books.queues.put(entry, 'request');
  else if (books.pinned.has(entry.name)) books.queues.put(entry, 'pinned');
  else if (!isProved(entry)) books.queues.put(entry, 'proof');
}

function settleAlways(books: Books, entry: Entry, now: MonotonicMs): void {
  if (answers(entry)) welcome(books, entry);
  else refuseFailed(books, entry, now);
}

function settleOnDemand(books: Books, entry: Entry, now: MonotonicMs): void {
  if (entry.residence === 'rest' && entry.charge === 0 && entry.model?.served.kind === 'loaded') {
    // An earlier agent has loaded it.
    send(books, entry, 'memory');
    books.memory.charge(entry, sizeOf(entry));
  }
  if (!answers(entry)) {
    entry.seenLoaded = false;
    books.idle.remove(entry);
    if (entry.residence === 'memory' || entry.residence === 'disk') giveUpFailed(books, entry, now);
    // Files that were put in place again must be proven again.
    else if (entry.queue === undefined && !isProved(entry)) enqueue(books, entry);
    return;
  }
  if (entry.residence !== 'memory') return;
  books.queues.remove(entry);
  books.proving.delete(entry);
  if (entry.seenLoaded) return;
  entry.seenLoaded = true;
  books.counts.loads += 1;
  const asked = entry.waiters.size > 0;
  if (asked) entry.lastUse = now;
  entry.keepUntil = (asked ? now + minimumResidency(entry) : now) as MonotonicMs;
  welcome(books, entry);
  mayGo(books, entry);
}

function minimumResidency({ model }: Entry): Milliseconds {
  const { timesItsLoad, atLeast, atMost } = MINIMUM_RESIDENCY;
  return milliseconds(Math.min(atMost, Math.max(atLeast, (model?.times.load ?? 0) * timesItsLoad)));
}

/** The waiting requests proceed. Each counts as a use until it has entered, which it does at once or not at all. */
function welcome(books: Books, entry: Entry): void {
  const uses = entry.waiters.size;
  if (uses === 0) return;
  entry.inFlight += uses;
  books.idle.remove(entry);
  books.waiting.endAll(entry, { kind: 'loaded' });
  setImmediate(() => endUse(books, entry, uses));
}

/** A model that is not available now gives its place to others until it is retried. */
function giveUpFailed(books: Books, entry: Entry, now: MonotonicMs): void {
  const { model } = entry;
  const failure = standingFailure(entry, now);
  if (model === undefined || failure === undefined) return;
  if (model.fetch !== undefined || model.serve !== 'none') return;
  // The previous version may answer until then.
  if (failure.step === 'pull' && isOnDisk(entry) && model.fallbackFailure === undefined) return;
  refuseFailed(books, entry, now);
  send(books, entry, 'rest');
  books.queues.remove(entry);
  books.proving.delete(entry);
  entry.notBefore = failure.retryAt;
  enqueue(books, entry);
}

function refuseFailed(books: Books, entry: Entry, now: MonotonicMs): void {
  const failure = standingFailure(entry, now);
  if (failure === undefined || entry.waiters.size === 0) return;
  const { reason, message, retryAt } = failure;
  const wait = milliseconds(Math.max(0, retryAt - now));
  books.waiting.endAll(
    entry,
    refusal('LoadFailed', `model ${entry.name} cannot be loaded: ${reason}: ${message}`, wait),
  );
}
