import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { DiskLedger } from './disk.ts';
import type { Entry } from './entry.ts';
import type { LruList } from './lru-list.ts';
import type { MemoryLedger } from './memory.ts';
import type { LoadQueues } from './queues.ts';
import type { ByteCount } from './residency.decide.ts';
import type { WaitingRoom } from './waiting.ts';

/** What happened, counted since the agent began. */
export interface ResidencyCounts {
  /** Requests that found their model loaded, and those that had to wait. */
  hits: number;
  misses: number;
  loads: number;
  /** Unloads that made room. */
  evictions: number;
  diskEvictions: number;
  /** Misses that would have been hits with so many times the budget. */
  readonly spared: Map<number, number>;
}

/** All that residency knows; only its own parts write it. */
export interface Books {
  readonly clock: Clock;
  readonly entries: Map<string, Entry>;
  readonly memory: MemoryLedger;
  readonly disk: DiskLedger;
  readonly queues: LoadQueues;
  /** Loaded, not used at this moment, and not pinned. */
  readonly idle: LruList<Entry>;
  readonly waiting: WaitingRoom;
  /** Models that are fetched or loaded although nobody asked; only so many at once. */
  readonly proving: Set<Entry>;
  /** Models that are to be loaded, with room for them, and that are not loaded yet. */
  readonly loading: Set<Entry>;
  /** Names for the engine to decide for again. */
  readonly changed: Set<string>;
  readonly counts: ResidencyCounts;
  /** All that was ever evicted. */
  evictedBytes: ByteCount;
  onDemand: boolean;
  pinned: ReadonlySet<string>;
  /** What the pinned models in memory took when the look began: they never make room. */
  pinnedCharge: ByteCount;
  /** The models to come back are sorted by their heat. */
  hotInOrder: boolean;
  serverUp: boolean;
  /** The pod ends. */
  draining: boolean;
  /** When a process of the model server was last ended while models were loaded. */
  killedAt: MonotonicMs | undefined;
  /** Files of models that sleep stay on disk; not beside a server that would load them when it starts. */
  keepsFiles: boolean;
  /** The process is being measured, and nothing is loaded before that is done. */
  measuring: boolean;
  /** Somebody waits for room: who stops using a model says so. */
  blocked: boolean;
  /** Looks again soon; many calls in one turn are one look. */
  readonly look: () => void;
  readonly lookAt: (at: MonotonicMs) => void;
  /** Measures the process, if it can be, and loads nothing until that is done. */
  readonly measure: () => void;
  /** Memory is full, or everything has been loaded once. */
  readonly settled: () => void;
}

/** Sets where a model should be; the engine hears of it at the end of the look. */
export function send(books: Books, entry: Entry, residence: Entry['residence']): void {
  if (entry.residence === residence) return;
  entry.residence = residence;
  books.changed.add(entry.name);
}

/** Puts a loaded model where it can be chosen to go, unless it is used or pinned. */
export function mayGo(books: Books, entry: Entry): void {
  if (entry.inFlight > 0 || books.pinned.has(entry.name) || entry.residence !== 'memory') return;
  if (entry.lastUse === undefined) books.idle.pushOldest(entry);
  else books.idle.push(entry);
}

/** Begins a use of a model: until it ends the model is not unloaded. */
export function beginUse(books: Books, entry: Entry): void {
  entry.inFlight += 1;
  if (entry.inFlight === 1) books.idle.remove(entry);
}

export function endUse(books: Books, entry: Entry, uses = 1): void {
  entry.inFlight -= uses;
  if (entry.inFlight > 0) return;
  if (entry.seenLoaded) mayGo(books, entry);
  if (books.blocked) books.look();
}
