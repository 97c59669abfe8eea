import type { MonotonicMs } from '../../lib/clock.ts';
import type { ModelSpec } from '../../contract/model-config.ts';
import { meansSameSpec } from '../../contract/model-config.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { ModelFailure, Residence } from '../engine/model-operations.decide.ts';
import { parseQuantity, toBytes } from '../../lib/quantity.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import { type LruLinks, unlisted } from './lru-list.ts';
import { type ByteCount, cooled, type Evictable } from './residency.decide.ts';
import type { WakeOutcome } from './waker.ts';

/** For what a model is to be loaded, the most urgent first. */
export const QUEUES = ['request', 'pinned', 'hot', 'proof'] as const;
export type QueueName = (typeof QUEUES)[number];

/** A request that waits for its model. */
export interface Waiter {
  readonly end: (outcome: WakeOutcome) => void;
}

/** For most models nobody waits, and a set for each would take 200 bytes. */
export const NOBODY: ReadonlySet<Waiter> = new Set();

/** What residency keeps of one model. Its list is that of the models in memory that may go, or that of those whose files may. */
export interface Entry extends LruLinks<Entry>, Evictable {
  readonly name: string;
  /** Undefined until the engine has told of it. */
  model: Readonly<TrackedModel> | undefined;
  /** What the engine is told. */
  residence: Residence;
  /** What it takes of the memory: from the decision to load it until it is unloaded. */
  charge: ByteCount;
  /** Its files take that much of the disk; see the disk's ledger. */
  diskCharge: ByteCount;
  /** What its files took when they were on disk last. */
  bytesOnDisk: ByteCount;
  keepUntil: MonotonicMs;
  lastUse: MonotonicMs | undefined;
  inFlight: number;
  /** Only the waiting room sets it. */
  waiters: ReadonlySet<Waiter>;
  queue: QueueName | undefined;
  /** What had been evicted of all models before it was, if it was. */
  evictedAfter: ByteCount | undefined;
  /** It is not loaded before that. */
  notBefore: MonotonicMs | undefined;
  /** The model server has been seen to have it since it was last decided to load it. */
  seenLoaded: boolean;
  /** The version that was looked at last, to see when another one is wanted. */
  known: ModelSpec | undefined;
  /** Its size is other than what was declared. */
  learned: ByteCount | undefined;
  /** Why it is never loaded: it alone is larger than the budget. */
  tooLarge: string | undefined;
  /** How often it was used of late, as of `heatAt`. */
  heat: number;
  heatAt: MonotonicMs;
}

export function newEntry(name: string, now: MonotonicMs): Entry {
  return {
    ...unlisted<Entry>(),
    name,
    model: undefined,
    residence: 'rest',
    charge: 0,
    diskCharge: 0,
    bytesOnDisk: 0,
    keepUntil: now,
    lastUse: undefined,
    inFlight: 0,
    waiters: NOBODY,
    queue: undefined,
    evictedAfter: undefined,
    notBefore: undefined,
    seenLoaded: false,
    known: undefined,
    learned: undefined,
    tooLarge: undefined,
    heat: 0,
    heatAt: now,
  };
}

/** Whether requests for it are answered by the model server now; another version than the wanted one is as good. */
export function answers({ model }: Entry): boolean {
  return model !== undefined && model.served.kind !== 'absent' && !model.unloading;
}

/** Whether the model server holds something of it, or may. */
export function holdsMemory({ model }: Entry): boolean {
  return model !== undefined && (model.served.kind !== 'absent' || model.unloading || model.loading);
}

/** Whether the model server is loading it at this moment, which cannot be called back. */
export function isBeingLoaded({ model }: Entry): boolean {
  return model?.loading === true && model.served.kind === 'absent';
}

/** Whether there is a version on disk that can be loaded. */
export function isOnDisk({ model }: Entry): boolean {
  if (model === undefined) return false;
  const { desired, stored, staged, previous } = model;
  if (staged !== undefined && desired !== undefined && meansSameSpec(staged.spec, desired)) return true;
  return stored !== undefined || previous !== undefined;
}

/** Whether the wanted version has been loaded once. */
export function isProved({ model }: Entry): boolean {
  return model?.desired !== undefined && model.loadedHash === specHash(model.desired);
}

/** What it is charged with when it is loaded: at least one byte, so that it is seen to be charged. */
export function sizeOf({ learned, model }: Entry): ByteCount {
  return learned ?? declaredSize(model?.desired ?? model?.stored);
}

function declaredSize(spec: ModelSpec | undefined): ByteCount {
  const quantity = spec === undefined ? undefined : parseQuantity(spec.memory);
  return quantity === undefined ? 1 : Math.max(1, Number(toBytes(quantity)));
}

/** The failure for which there is nothing to wait: the source, or the model server, said no to the wanted version. */
export function standingFailure({ model }: Entry, now: MonotonicMs): ModelFailure | undefined {
  if (model?.failure === undefined || model.desired === undefined) return undefined;
  const { failure } = model;
  const counts = failure.step !== 'unload' && !failure.serverAway && failure.retryAt > now;
  return counts && meansSameSpec(failure.spec, model.desired) ? failure : undefined;
}

/** Counts one use. */
export function warm(entry: Entry, now: MonotonicMs): void {
  entry.heat = cooled(entry.heat, now - entry.heatAt) + 1;
  entry.heatAt = now;
  entry.lastUse = now;
}

/** The hottest first. */
export function byHeat(entries: Iterable<Entry>, now: MonotonicMs): Entry[] {
  return [...entries]
    .map((entry) => ({ entry, heat: cooled(entry.heat, now - entry.heatAt) }))
    .sort((a, b) => b.heat - a.heat)
    .map(({ entry }) => entry);
}
