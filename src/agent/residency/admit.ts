import type { MonotonicMs } from '../../lib/clock.ts';
import { type Books, send } from './books.ts';
import { type Entry, answers, holdsMemory, isOnDisk, sizeOf } from './entry.ts';
import { canEverFit, planRoom, type Urgency } from './residency.decide.ts';
import { enqueue, judgeSize } from './settle.ts';
import { refusal } from './waiting.ts';

/** The most models that are fetched and loaded at once without a request for them. */
const PROVING_AT_ONCE = 24;
/** The most waiting models examined in one turn. The next ones are examined when these are done. */
const LOOKED_AT = 64;

/**
 * The outcome for one model. `passed`: it needs no room, or cannot proceed now, and others can. `promised`: room is
 * being made. `blocked`: there is no room, and those behind it wait too, so that a large model is not overtaken
 * forever. `unmeasured`: the process must be measured first, and nothing proceeds before that.
 */
type Placing =
  | { readonly kind: 'passed' | 'blocked' | 'unmeasured' }
  | { readonly kind: 'promised'; readonly need: number };

/** Decides which models are loaded and which make room for them. Requested models come before all others. */
export function admit(books: Books, now: MonotonicMs): void {
  books.blocked = false;
  if (!books.onDemand) return;
  trimDisk(books);
  if (!books.serverUp) {
    for (const entry of firstOf(books, 'request')) fetchIfMissing(books, entry);
    return;
  }
  if (books.measuring) return;
  trimMemory(books, now);
  let promised = 0;
  const place = (entry: Entry, urgency: Urgency, mayEvict: boolean): Placing['kind'] => {
    const placing = placeOne(books, entry, { promised, urgency, mayEvict, now });
    if (placing.kind === 'promised') promised += placing.need;
    if (placing.kind !== 'passed') books.blocked = true;
    return placing.kind;
  };
  const stops = (kind: Placing['kind']): boolean => kind === 'blocked' || kind === 'unmeasured';
  for (const entry of firstOf(books, 'request')) if (stops(place(entry, 'request', true))) return;
  if (books.draining) return;
  for (const entry of firstOf(books, 'pinned')) if (stops(place(entry, 'request', true))) break;
  for (const entry of [...books.queues.of('hot')]) {
    const kind = place(entry, 'proof', false);
    if (kind === 'unmeasured') return;
    if (kind === 'blocked') {
      dropHot(books);
      break;
    }
  }
  admitProofs(books, place);
}

/** The budget is full: the others return when they are requested. */
function dropHot(books: Books): void {
  for (const other of [...books.queues.of('hot')]) {
    books.queues.remove(other);
    enqueue(books, other);
  }
}

function admitProofs(
  books: Books,
  place: (entry: Entry, urgency: Urgency, mayEvict: boolean) => Placing['kind'],
): void {
  // An earlier model may have started a measurement.
  if (books.measuring) return;
  for (const entry of firstOf(books, 'proof')) {
    if (!books.proving.has(entry) && books.proving.size >= PROVING_AT_ONCE) return;
    books.proving.add(entry);
    const kind = place(entry, 'proof', true);
    if (kind === 'blocked') books.settled();
    if (kind === 'blocked' || kind === 'unmeasured') return;
  }
}

function firstOf(books: Books, queue: 'request' | 'pinned' | 'proof'): Entry[] {
  const first: Entry[] = [];
  for (const entry of books.queues.of(queue)) {
    if (first.length === LOOKED_AT) break;
    first.push(entry);
  }
  return first;
}

interface Placement {
  readonly promised: number;
  readonly urgency: Urgency;
  readonly mayEvict: boolean;
  readonly now: MonotonicMs;
}

function placeOne(books: Books, entry: Entry, placement: Placement): Placing {
  const { promised, urgency, mayEvict, now } = placement;
  const { memory } = books;
  if (entry.residence === 'memory') {
    books.queues.remove(entry);
    return { kind: 'passed' };
  }
  if (entry.notBefore !== undefined && entry.notBefore > now) {
    books.lookAt(entry.notBefore);
    // A model in backoff does not count as running.
    books.proving.delete(entry);
    return { kind: 'passed' };
  }
  // It is being unloaded. Wait for that first.
  if (holdsMemory(entry) && !answers(entry)) return { kind: 'passed' };
  const need = sizeOf(entry);
  const standing = memory.standing(promised);
  const { allowed } = standing;
  if (!canEverFit(need, { allowed, budget: memory.budget(), staying: books.pinnedCharge })) {
    refuseTooLarge(books, entry);
    return { kind: 'passed' };
  }
  if (fetchIfMissing(books, entry)) return { kind: 'passed' };
  if (memory.wantsMeasure(need)) {
    // A loading model has not reached its size yet. The end of each load triggers another check.
    if (books.loading.size === 0) books.measure();
    return { kind: 'unmeasured' };
  }
  const plan = planRoom(need, standing, mayEvict ? books.idle.oldestFirst() : [], urgency, now);
  if (plan.kind === 'wait') {
    if (plan.until !== undefined) books.lookAt(plan.until);
    return { kind: 'blocked' };
  }
  if (plan.kind === 'make') {
    for (const victim of plan.victims) unloadFor(books, victim);
    return { kind: 'promised', need };
  }
  memory.charge(entry, need);
  books.loading.add(entry);
  books.queues.remove(entry);
  send(books, entry, 'memory');
  return { kind: 'passed' };
}

function unloadFor(books: Books, victim: Entry): void {
  books.counts.evictions += 1;
  victim.evictedAfter = books.evictedBytes;
  books.evictedBytes += victim.charge;
  books.idle.remove(victim);
  books.memory.leave(victim);
  send(books, victim, 'rest');
}

function refuseTooLarge(books: Books, entry: Entry): void {
  books.queues.remove(entry);
  books.proving.delete(entry);
  if (entry.residence === 'disk') send(books, entry, 'rest');
  judgeSize(books, entry);
  const why = entry.tooLarge ?? 'there is no room for it beside the models that are pinned';
  books.waiting.endAll(entry, refusal('ModelTooLarge', `model ${entry.name}: ${why}`));
  // It is blocked by a measured value, which may change.
  if (entry.tooLarge === undefined) enqueue(books, entry);
}

/** Fetches the files of a model if there is room for them. False if they are on disk. */
function fetchIfMissing(books: Books, entry: Entry): boolean {
  if (entry.residence === 'away') {
    // Its files are being removed, or that is about to start.
    if (entry.model?.serve !== 'none') return true;
    send(books, entry, 'rest');
  }
  if (isOnDisk(entry)) return false;
  if (entry.residence === 'disk') return true;
  if (makeDiskRoom(books, entry.bytesOnDisk)) send(books, entry, 'disk');
  return true;
}

/** True if this many more bytes fit. Otherwise room is made for a later attempt. */
function makeDiskRoom(books: Books, more: number): boolean {
  const plan = books.disk.planRoom(more);
  if (plan.kind === 'fits') return true;
  if (plan.kind === 'make') {
    removeFiles(books, plan.victims);
    return false;
  }
  for (const loaded of books.idle.oldestFirst()) {
    unloadFor(books, loaded);
    return false;
  }
  books.blocked = true;
  return false;
}

function trimDisk(books: Books): void {
  const plan = books.disk.planRoom(0);
  if (plan.kind === 'make') removeFiles(books, plan.victims);
}

function removeFiles(books: Books, victims: readonly Entry[]): void {
  for (const victim of victims) {
    books.counts.diskEvictions += 1;
    books.disk.leave(victim);
    send(books, victim, 'away');
  }
}

/** The budget may have become smaller, or the process larger than declared. */
function trimMemory(books: Books, now: MonotonicMs): void {
  const standing = books.memory.standing(0);
  if (standing.charged - standing.leaving <= standing.allowed) return;
  const excess = standing.charged - standing.leaving - standing.allowed;
  const victims: Entry[] = [];
  let gone = 0;
  for (const victim of books.idle.oldestFirst()) {
    if (gone >= excess) break;
    if (victim.keepUntil > now) continue;
    gone += victim.charge;
    victims.push(victim);
  }
  for (const victim of victims) unloadFor(books, victim);
}
