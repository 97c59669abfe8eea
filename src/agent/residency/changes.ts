import { milliseconds, type MonotonicMs, seconds } from '../../lib/clock.ts';
import type { Residency } from '../../contract/residency.ts';
import { type Books, mayGo, send } from './books.ts';
import { answers, byHeat, type Entry, holdsMemory, isBeingLoaded, sizeOf } from './entry.ts';
import { type ByteCount, type HeldAtEnd, suspectCharge } from './residency.decide.ts';
import { enqueue } from './settle.ts';
import { refusal } from './waiting.ts';

/** A model that was loading when the model server ended is not retried before this time; others are. */
const SUSPECT_PAUSE = seconds(2);

/** Forgets a model once nothing of it is left. */
export function forget(books: Books, name: string): void {
  const entry = books.entries.get(name);
  if (entry === undefined) return;
  books.queues.remove(entry);
  books.proving.delete(entry);
  books.loading.delete(entry);
  books.idle.remove(entry);
  books.memory.uncharge(entry);
  books.disk.forget(entry);
  books.waiting.endAll(entry, { kind: 'removed' });
  books.entries.delete(name);
  books.look();
}

/** Nothing is loaded any more. The models come back when the server does: the hottest first, suspects last. */
export function serverGone(books: Books, loading: readonly string[], now: MonotonicMs): void {
  books.serverUp = false;
  if (books.draining) endWaits(books);
  if (!books.onDemand) return;
  if (!books.keepsFiles) {
    // The next process loads the models in place as it starts. The engine finds out which, as with residency always.
    books.memory.serverGone(undefined);
    return;
  }
  const suspects = loading.flatMap((name) => books.entries.get(name) ?? []);
  suspect(books, suspects, now);
  const held = suspects.length > 0 ? heldNow(books) : undefined;
  const again = byHeat(new Set([...books.memory.holders(), ...books.queues.of('hot')]), now);
  for (const entry of again) {
    const wasProof = books.proving.has(entry);
    books.queues.remove(entry);
    books.memory.uncharge(entry);
    books.idle.remove(entry);
    entry.seenLoaded = false;
    send(books, entry, 'rest');
    if (entry.waiters.size > 0) books.queues.put(entry, 'request');
    else if (!wasProof) books.queues.put(entry, 'hot');
    else books.queues.put(entry, 'proof');
  }
  books.memory.serverGone(held);
}

/**
 * A process of the model server was killed during loads, and the server restarts it with the models from before: MLServer with
 * workers. All loading models then fail, one after the other, and only the first failure counts.
 */
export function killedLoading(books: Books, name: string, now: MonotonicMs): boolean {
  if (!books.onDemand || !books.entries.has(name)) return false;
  if (books.killedAt !== undefined && now < books.killedAt + SUSPECT_PAUSE) return true;
  books.killedAt = now;
  const held = heldNow(books);
  suspect(books, [...books.loading].filter(isBeingLoaded), now);
  // Models whose loads have not started got their room under the old limit.
  for (const entry of books.loading) {
    books.memory.uncharge(entry);
    send(books, entry, 'rest');
    enqueue(books, entry);
  }
  books.memory.serverGone(held);
  books.look();
  return true;
}

/** Models that were loading when a server ended may be larger than declared, and are not retried at once. */
function suspect(books: Books, suspects: readonly Entry[], now: MonotonicMs): void {
  for (const entry of suspects) {
    if (entry.charge > 0 && Number.isFinite(books.memory.budget()))
      entry.learned = suspectCharge(entry.charge, suspects.length, books.memory.budget());
    entry.notBefore = (now + SUSPECT_PAUSE) as MonotonicMs;
  }
}

/** The charge of models that were really in the server, or loading. Others only had their room reserved. */
function heldNow({ memory }: Books): HeldAtEnd {
  let [loaded, loading] = [0, 0];
  for (const entry of memory.holders()) {
    if (isBeingLoaded(entry)) loading += entry.charge;
    else if (holdsMemory(entry)) loaded += entry.charge;
  }
  return { loaded, loading };
}

/** In a terminating pod, a model server that has ended does not come back. */
export function startDraining(books: Books): 'wakes' | 'ends' {
  books.draining = true;
  if (!books.serverUp) endWaits(books);
  return books.onDemand ? 'wakes' : 'ends';
}

export function endWaits({ entries, waiting }: Books): void {
  for (const entry of entries.values()) waiting.endAll(entry, ENDING);
}

export const ENDING = refusal('Stopping', 'the pod is ending; send the request again', milliseconds(1_000));

/** Applies a new residency, budget or set of pinned models. */
export function configure(books: Books, residency: Residency): void {
  const onDemand = residency.kind === 'on-demand';
  books.pinned = onDemand ? residency.pinned : new Set();
  books.memory.setBudget(onDemand ? numberOf(residency.memoryBudget) : undefined);
  books.disk.setBudget(onDemand ? numberOf(residency.diskBudget) : undefined);
  const turned = books.onDemand !== onDemand;
  books.onDemand = onDemand;
  for (const entry of books.entries.values()) {
    if (!onDemand) {
      books.queues.remove(entry);
      books.idle.remove(entry);
      books.memory.uncharge(entry);
      books.proving.delete(entry);
      send(books, entry, 'memory');
    } else if (turned) turnToOnDemand(books, entry);
    else if (books.pinned.has(entry.name)) {
      books.idle.remove(entry);
      if (entry.residence !== 'memory') enqueue(books, entry);
    } else if (entry.seenLoaded && entry.list === undefined) mayGo(books, entry);
  }
}

function numberOf(amount: bigint | undefined): ByteCount | undefined {
  return amount === undefined ? undefined : Number(amount);
}

function turnToOnDemand(books: Books, entry: Entry): void {
  if (entry.model === undefined || answers(entry)) {
    if (entry.model !== undefined) books.memory.charge(entry, sizeOf(entry));
    entry.seenLoaded = false;
    return;
  }
  send(books, entry, 'rest');
  if (entry.model.desired !== undefined) enqueue(books, entry);
}
