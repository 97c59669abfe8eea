import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { DiskLedger } from './disk.ts';
import type { Entry } from './entry.ts';
import type { LruList } from './lru-list.ts';
import type { MemoryLedger } from './memory.ts';
import type { LoadQueues } from './queues.ts';
import type { ByteCount } from './residency.decide.ts';
import type { WaitingRoom } from './waiting.ts';

/** Counters since the agent started. */
export interface ResidencyCounts {
  /** Requests that found their model loaded, and requests that had to wait. */
  hits: number;
  misses: number;
  loads: number;
  /** Unloads that made room. */
  evictions: number;
  diskEvictions: number;
  /** Misses that would have been hits with this many times the budget. */
  readonly spared: Map<number, number>;
}

/** The state of residency. Only its own parts write it. */
export interface Books {
  readonly clock: Clock;
  readonly entries: Map<string, Entry>;
  readonly memory: MemoryLedger;
  readonly disk: DiskLedger;
  readonly queues: LoadQueues;
  /** Loaded, not used at this moment, and not pinned. */
  readonly idle: LruList<Entry>;
  readonly waiting: WaitingRoom;
  /** Models that are fetched or loaded without a request; their number is limited. */
  readonly proving: Set<Entry>;
  /** Models that have room and are going to be loaded, but are not loaded yet. */
  readonly loading: Set<Entry>;
  /** Names for the engine to reconsider. */
  readonly changed: Set<string>;
  readonly counts: ResidencyCounts;
  /** The total of all evictions. */
  evictedBytes: ByteCount;
  onDemand: boolean;
  pinned: ReadonlySet<string>;
  /** The bytes of the pinned models in memory when the pass began: they never make room. */
  pinnedCharge: ByteCount;
  /** The models to bring back are sorted by their heat. */
  hotInOrder: boolean;
  serverUp: boolean;
  /** The pod is terminating. */
  draining: boolean;
  /** The time when a process of the model server was last killed during loads. */
  killedAt: MonotonicMs | undefined;
  /** Files of sleeping models stay on disk, except beside a server that would load them at start. */
  keepsFiles: boolean;
  /** The process is being measured, and nothing is loaded before that is done. */
  measuring: boolean;
  /** A request waits for room: when a model is no longer in use, run another pass. */
  blocked: boolean;
  /** Schedules another pass soon. Many calls in one turn make one pass. */
  readonly look: () => void;
  readonly lookAt: (at: MonotonicMs) => void;
  /** Measures the process, if possible, and loads nothing until that is done. */
  readonly measure: () => void;
  /** Memory is full, or every model has been loaded once. */
  readonly settled: () => void;
}

/** Sets where a model should be. The engine is notified at the end of the pass. */
export function send(books: Books, entry: Entry, residence: Entry['residence']): void {
  if (entry.residence === residence) return;
  entry.residence = residence;
  books.changed.add(entry.name);
}

/** Makes a loaded model a candidate for eviction, unless it is in use or pinned. */
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
