import type { Clock, Milliseconds, MonotonicMs } from '../../lib/clock.ts';
import type { Residency } from '../../contract/residency.ts';
import type { ResidenceControl } from '../engine/context.ts';
import { admit } from './admit.ts';
import { createAlarm } from './alarm.ts';
import type { Books, ResidencyCounts } from './books.ts';
import { configure, forget, killedLoading, serverGone, startDraining } from './changes.ts';
import { createDiskLedger } from './disk.ts';
import { byHeat, type Entry, newEntry } from './entry.ts';
import { createLruList } from './lru-list.ts';
import { createMemoryLedger, type MemoryFigures } from './memory.ts';
import { callBack, createWaker } from './model-waker.ts';
import { createLoadQueues } from './queues.ts';
import type { ByteCount } from './residency.decide.ts';
import { settle } from './settle.ts';
import { createWaitingRoom } from './waiting.ts';
import type { ModelWaker, WakeOutcome } from './waker.ts';

/** What an earlier agent recorded. */
export interface RememberedHeat {
  /** How often the models were used recently, the hottest first. */
  readonly heat: ReadonlyMap<string, number>;
  /** The memory of the model server's process without models. */
  readonly base: ByteCount | undefined;
}

interface ResidencyDeps {
  readonly clock: Clock;
  readonly wakeTimeout: Milliseconds;
  readonly waitWhileServerIsAway: boolean;
  readonly remembered: RememberedHeat;
  /** Makes the engine decide again for these models. */
  readonly consider: (names: Iterable<string>) => void;
  /** The memory of the model server's process. Undefined if it cannot be measured. */
  readonly measure: () => Promise<ByteCount | undefined>;
  /** Everything that can be loaded without a request is loaded. */
  readonly settled: () => void;
  /** A request has waited for its model. */
  readonly waited: (took: Milliseconds, outcome: WakeOutcome) => void;
  readonly stopping: AbortSignal;
}

/** Decides which models are in memory, on disk, or neither. */
export interface ModelResidency {
  readonly control: ResidenceControl;
  readonly waker: ModelWaker;
  /** Applies a new residency, budget or set of pinned models. */
  configure(residency: Residency): void;
  isOnDemand(): boolean;
  /**
   * The pod is terminating, and a model server that ends does not come back. `wakes`: until it ends, models that
   * requests wait for are loaded, and no others. `ends`: nothing is loaded.
   */
  startDraining(): 'wakes' | 'ends';
  figures(): ResidencyFigures;
  remember(): RememberedHeat;
  /** Measures the model server's process in the background. */
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

/** Makes one with residency always and no models. */
export function createResidency(deps: ResidencyDeps): ModelResidency {
  const { clock } = deps;
  const dirty = new Set<Entry>();
  const { look, measure } = looks(deps, () => books, dirty);
  const books = newBooks(deps, look, measure);
  return {
    control: controlOf(books, deps, dirty),
    waker: createWaker(books, deps),
    configure: (residency) => {
      configure(books, residency);
      for (const entry of books.entries.values()) dirty.add(entry);
      look();
    },
    isOnDemand: () => books.onDemand,
    startDraining: () => startDraining(books),
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

/** @param booksOf the state, which is made with these */
function looks(
  deps: ResidencyDeps,
  booksOf: () => Books,
  dirty: Set<Entry>,
): { readonly look: () => void; readonly measure: () => void } {
  let looking = false;
  const look = (): void => {
    if (looking || deps.stopping.aborted) return;
    looking = true;
    queueMicrotask(() => {
      looking = false;
      if (!deps.stopping.aborted) deps.consider(lookNow(booksOf(), dirty));
    });
  };
  const measure = (): void => {
    const books = booksOf();
    if (books.measuring) return;
    books.measuring = true;
    void deps.measure().then((resident) => {
      books.measuring = false;
      if (resident !== undefined) books.memory.measured(resident);
      look();
    });
  };
  return { look, measure };
}

/** Applies the changes, decides what follows, and returns the models concerned. */
function lookNow(books: Books, dirty: Set<Entry>): readonly string[] {
  const now = books.clock.monotonic();
  const seen = [...dirty];
  dirty.clear();
  books.pinnedCharge = pinnedCharge(books);
  for (const entry of seen) {
    if (books.entries.get(entry.name) === entry) settle(books, entry, now);
  }
  for (const entry of books.loading) {
    if (entry.residence !== 'memory' || entry.seenLoaded) books.loading.delete(entry);
  }
  if (!books.hotInOrder) sortHot(books, now);
  books.hotInOrder = true;
  admit(books, now);
  const names = [...books.changed];
  books.changed.clear();
  return names;
}

function pinnedCharge({ pinned, entries }: Books): ByteCount {
  let sum = 0;
  for (const name of pinned) {
    const entry = entries.get(name);
    if (entry?.residence === 'memory') sum += entry.charge;
  }
  return sum;
}

function newBooks(deps: ResidencyDeps, look: () => void, measure: () => void): Books {
  const { clock, wakeTimeout, remembered, settled, stopping } = deps;
  const books: Books = {
    clock,
    entries: new Map(),
    memory: createMemoryLedger(remembered.base),
    disk: createDiskLedger(),
    queues: createLoadQueues(),
    idle: createLruList(),
    waiting: createWaitingRoom(clock, wakeTimeout, () => books.serverUp),
    proving: new Set(),
    loading: new Set(),
    changed: new Set(),
    counts: { hits: 0, misses: 0, loads: 0, evictions: 0, diskEvictions: 0, spared: new Map() },
    evictedBytes: 0,
    onDemand: false,
    pinned: new Set(),
    pinnedCharge: 0,
    hotInOrder: true,
    serverUp: false,
    draining: false,
    killedAt: undefined,
    keepsFiles: true,
    measuring: false,
    blocked: false,
    lookAt: createAlarm(clock, stopping, look),
    ...{ look, measure, settled },
  };
  return books;
}

function controlOf(books: Books, { clock, remembered }: ResidencyDeps, dirty: Set<Entry>): ResidenceControl {
  const entryOf = (name: string): Entry => {
    let entry = books.entries.get(name);
    if (entry !== undefined) return entry;
    entry = newEntry(name, clock.monotonic());
    if (!books.onDemand) entry.residence = 'memory';
    entry.heat = remembered.heat.get(name) ?? 0;
    if (entry.heat > 0 && books.onDemand) {
      books.queues.put(entry, 'hot');
      books.hotInOrder = false;
    }
    books.entries.set(name, entry);
    return entry;
  };
  return {
    of: (name) => {
      const { residence } = entryOf(name);
      return residence === 'rest' && !books.keepsFiles ? 'away' : residence;
    },
    tooLarge: (name) => books.entries.get(name)?.tooLarge,
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
      books.look();
    },
    forgotten: (name) => forget(books, name),
    serverUp: (loadsAllAtStart) => {
      books.serverUp = true;
      books.keepsFiles = !loadsAllAtStart;
      books.measure();
      books.look();
    },
    serverGone: (loading) => serverGone(books, loading, clock.monotonic()),
    killedLoading: (name) => killedLoading(books, name, clock.monotonic()),
  };
}

function sortHot(books: Books, now: MonotonicMs): void {
  for (const entry of byHeat(books.queues.of('hot'), now)) {
    books.queues.remove(entry);
    books.queues.put(entry, 'hot');
  }
}

function remember(books: Books, now: MonotonicMs): RememberedHeat {
  const used = [...books.entries.values()].filter(({ heat }) => heat > 0);
  return {
    heat: new Map(byHeat(used, now).map((entry) => [entry.name, entry.heat])),
    base: books.memory.base(),
  };
}
