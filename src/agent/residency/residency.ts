import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { type Clock, milliseconds, type Milliseconds, type MonotonicMs, seconds } from '../../lib/clock.ts';
import type { Residency } from '../../contract/residency.ts';
import type { ResidenceControl } from '../engine/context.ts';
import { admit } from './admit.ts';
import { type Books, beginUse, endUse, mayGo, type ResidencyCounts, send } from './books.ts';
import { createDiskLedger } from './disk.ts';
import { answers, byHeat, type Entry, newEntry, sizeOf, standingFailure, warm } from './entry.ts';
import { createLruList } from './lru-list.ts';
import { createMemoryLedger, type MemoryFigures } from './memory.ts';
import { createLoadQueues } from './queues.ts';
import { type ByteCount, suspectCharge } from './residency.decide.ts';
import { enqueue, settle } from './settle.ts';
import { createWaitingRoom, refusal } from './waiting.ts';
import type { ModelWaker } from './waker.ts';

/** A model that was being loaded when the model server ended is not tried again before this, others are. */
const SUSPECT_PAUSE = seconds(2);

/** What an agent before this one remembered. */
export interface RememberedHeat {
  /** How often the models were used of late, the hottest first. */
  readonly heat: ReadonlyMap<string, number>;
  /** What the model server's process takes without models. */
  readonly base: ByteCount | undefined;
}

interface ResidencyDeps {
  readonly clock: Clock;
  readonly wakeTimeout: Milliseconds;
  readonly waitWhileServerIsAway: boolean;
  readonly remembered: RememberedHeat;
  /** Makes the engine decide again for these models. */
  readonly consider: (names: Iterable<string>) => void;
  /** What the model server's process takes; undefined where that cannot be measured. */
  readonly measure: () => Promise<ByteCount | undefined>;
  /** What can be loaded without anybody asking is loaded. */
  readonly settled: () => void;
  readonly stopping: AbortSignal;
}

/** Decides which models are in memory, on disk, or neither. */
export interface ModelResidency {
  readonly control: ResidenceControl;
  readonly waker: ModelWaker;
  /** Takes over another residency, budget or set of pinned models. */
  configure(residency: Residency): void;
  isOnDemand(): boolean;
  figures(): ResidencyFigures;
  remember(): RememberedHeat;
  /** Measures the model server's process beside everything else. */
  measure(): Promise<void>;
}

/** For metrics and people. */
export interface ResidencyFigures {
  readonly counts: Readonly<ResidencyCounts>;
  readonly memory: MemoryFigures;
  readonly diskUsed: ByteCount;
  readonly waiting: number;
  readonly loaded: number;
}

export function createResidency(deps: ResidencyDeps): ModelResidency {
  const { clock, stopping } = deps;
  const dirty = new Set<Entry>();
  let looking = false;
  let hotInOrder = true;
  const look = (): void => {
    if (looking || stopping.aborted) return;
    looking = true;
    queueMicrotask(() => {
      looking = false;
      lookNow();
    });
  };
  const lookNow = (): void => {
    if (stopping.aborted) return;
    const now = clock.monotonic();
    const seen = [...dirty];
    dirty.clear();
    for (const entry of seen) settle(books, entry, now);
    for (const entry of books.loading) {
      if (entry.residence !== 'memory' || entry.seenLoaded) books.loading.delete(entry);
    }
    if (!hotInOrder) sortHot(books, now);
    hotInOrder = true;
    admit(books, now);
    const names = [...books.changed];
    books.changed.clear();
    deps.consider(names);
  };
  const measure = (): void => {
    if (books.measuring) return;
    books.measuring = true;
    void deps.measure().then((resident) => {
      books.measuring = false;
      if (resident !== undefined) books.memory.measured(resident);
      look();
    });
  };
  const books: Books = {
    clock,
    entries: new Map(),
    memory: createMemoryLedger(deps.remembered.base),
    disk: createDiskLedger(),
    queues: createLoadQueues(),
    idle: createLruList(),
    waiting: createWaitingRoom(
      clock,
      () => deps.wakeTimeout,
      () => books.serverUp,
    ),
    proving: new Set(),
    loading: new Set(),
    changed: new Set(),
    counts: { hits: 0, misses: 0, loads: 0, evictions: 0, diskEvictions: 0 },
    onDemand: false,
    pinned: new Set(),
    serverUp: false,
    measuring: false,
    blocked: false,
    look,
    lookAt: createAlarm(clock, stopping, look),
    measure,
    settled: deps.settled,
  };
  const entryOf = (name: string): Entry => {
    let entry = books.entries.get(name);
    if (entry !== undefined) return entry;
    entry = newEntry(name, clock.monotonic());
    if (!books.onDemand) entry.residence = 'memory';
    entry.heat = deps.remembered.heat.get(name) ?? 0;
    if (entry.heat > 0 && books.onDemand) {
      books.queues.put(entry, 'hot');
      hotInOrder = false;
    }
    books.entries.set(name, entry);
    return entry;
  };
  return {
    control: {
      of: (name) => entryOf(name).residence,
      mayUnload: (name) => {
        const entry = books.entries.get(name);
        if (entry === undefined || (entry.inFlight === 0 && entry.waiters.size === 0)) return true;
        callBack(books, entry);
        return false;
      },
      observed: (model) => {
        const entry = entryOf(model.name);
        entry.model = model;
        dirty.add(entry);
        look();
      },
      forgotten: (name) => forget(books, name, dirty),
      serverUp: () => {
        books.serverUp = true;
        measure();
        look();
      },
      serverGone: (loading) => serverGone(books, loading, clock.monotonic()),
    },
    waker: createWaker(books, deps.waitWhileServerIsAway),
    configure: (residency) => {
      configure(books, residency);
      for (const entry of books.entries.values()) dirty.add(entry);
      look();
    },
    isOnDemand: () => books.onDemand,
    figures: () => ({
      counts: books.counts,
      memory: books.memory.figures(),
      diskUsed: books.disk.used(),
      waiting: books.waiting.count(),
      loaded: books.memory.holders().size,
    }),
    remember: () => remember(books, clock.monotonic()),
    measure: async () => {
      const resident = await deps.measure();
      if (resident === undefined || !books.serverUp || books.loading.size > 0) return;
      books.memory.measured(resident);
      look();
    },
  };
}

function sortHot(books: Books, now: MonotonicMs): void {
  for (const entry of byHeat(books.queues.of('hot'), now)) {
    books.queues.remove(entry);
    books.queues.put(entry, 'hot');
  }
}

/** Calls back at the earliest of the times it was given. */
function createAlarm(clock: Clock, stopping: AbortSignal, ring: () => void): (at: MonotonicMs) => void {
  let set: { readonly at: MonotonicMs; readonly off: AbortController } | undefined;
  return (at) => {
    if (set !== undefined && set.at <= at) return;
    set?.off.abort(NO_MORE_WAITING);
    const off = new AbortController();
    set = { at, off };
    const signal = AbortSignal.any([off.signal, stopping]);
    void clock.sleep(milliseconds(Math.max(1, Math.ceil(at - clock.monotonic()))), signal).then(() => {
      if (signal.aborted) return;
      set = undefined;
      ring();
    });
  };
}

function forget(books: Books, name: string, dirty: Set<Entry>): void {
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
  dirty.delete(entry);
  books.look();
}

/** Nothing is loaded any more. What was comes back when the server does: the hottest first, suspects last. */
function serverGone(books: Books, loading: readonly string[], now: MonotonicMs): void {
  books.serverUp = false;
  if (!books.onDemand) return;
  const suspects = loading.flatMap((name) => books.entries.get(name) ?? []);
  for (const entry of suspects) {
    if (entry.charge > 0 && Number.isFinite(books.memory.budget()))
      entry.learned = suspectCharge(entry.charge, suspects.length, books.memory.budget());
    entry.notBefore = (now + SUSPECT_PAUSE) as MonotonicMs;
  }
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
  books.memory.serverGone();
}

function configure(books: Books, residency: Residency): void {
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
    } else if (entry.seenLoaded && !entry.listed) mayGo(books, entry);
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

function remember(books: Books, now: MonotonicMs): RememberedHeat {
  const used = [...books.entries.values()].filter(({ heat }) => heat > 0);
  return {
    heat: new Map(byHeat(used, now).map((entry) => [entry.name, entry.heat])),
    base: books.memory.base(),
  };
}

function createWaker(books: Books, waitWhileAway: boolean): ModelWaker {
  const { clock, entries } = books;
  const noUse = (): void => undefined;
  return {
    availability: (name) => {
      const entry = entries.get(name);
      if (entry?.known === undefined) return UNKNOWN;
      if (answers(entry)) {
        books.counts.hits += 1;
        return entry.residence === 'memory' ? LOADED : ASLEEP;
      }
      if (books.onDemand) return books.serverUp ? ASLEEP : SERVER_AWAY;
      return waitWhileAway && !books.serverUp ? SERVER_AWAY : LOADED;
    },
    enter: (name) => {
      const entry = entries.get(name);
      if (entry === undefined) return noUse;
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
      if (entry?.known === undefined) return Promise.resolve({ kind: 'removed' });
      if (answers(entry)) {
        callBack(books, entry);
        return Promise.resolve({ kind: 'loaded' });
      }
      const now = clock.monotonic();
      const failure = standingFailure(entry, now);
      if (failure !== undefined && failure.step === 'load') {
        const { reason, message, retryAt } = failure;
        const why = `model ${name} cannot be loaded: ${reason}: ${message}`;
        return Promise.resolve(refusal('LoadFailed', why, milliseconds(retryAt - now)));
      }
      books.counts.misses += 1;
      const outcome = books.waiting.wait(entry, signal, () => desert(books, entry));
      if (books.onDemand && entry.residence !== 'memory' && entry.waiters.size > 0) {
        books.queues.put(entry, 'request');
        books.look();
      }
      return outcome;
    },
  };
}

const LOADED = { kind: 'loaded' } as const;
const UNKNOWN = { kind: 'unknown' } as const;
const ASLEEP = { kind: 'asleep' } as const;
const SERVER_AWAY = { kind: 'server-away' } as const;

/** Its unload was decided and not sent: it stays. */
function callBack(books: Books, entry: Entry): void {
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
