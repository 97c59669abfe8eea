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

/** Why a model should be loaded, the most urgent reason first. */
export const QUEUES = ['request', 'pinned', 'hot', 'proof'] as const;
export type QueueName = (typeof QUEUES)[number];

/** A request that waits for its model. */
export interface Waiter {
  readonly end: (outcome: WakeOutcome) => void;
}

/** Undefined for most models, which no request waits for: a set for each would take 200 bytes. */
export const NO_WAITERS: ReadonlySet<Waiter> = new Set();

/** Residency's record of one model. Its list is that of the models in memory that may be unloaded, or of those whose files may be deleted. */
export interface Entry extends LruLinks<Entry>, Evictable {
  readonly name: string;
  /** Undefined until the engine has reported it. */
  model: Readonly<TrackedModel> | undefined;
  /** The target that the engine has for the model. */
  residence: Residence;
  /** Its memory charge: from the decision to load it until it is unloaded. */
  charge: ByteCount;
  /** The disk space of its files; see the disk's ledger. */
  diskCharge: ByteCount;
  /** The disk space of its files when they were last on disk. */
  bytesOnDisk: ByteCount;
  keepUntil: MonotonicMs;
  lastUse: MonotonicMs | undefined;
  inFlight: number;
  /** Only the waiting room sets it. */
  waiters: ReadonlySet<Waiter>;
  queue: QueueName | undefined;
  /** The total of all evictions before its own, if it was evicted. */
  evictedAfter: ByteCount | undefined;
  /** It is not loaded before this time. */
  notBefore: MonotonicMs | undefined;
  /** The model server has been seen to have it since the last decision to load it. */
  seenLoaded: boolean;
  /** The version that was last examined, to notice a new one. */
  known: ModelSpec | undefined;
  /** Its size differs from the declared one. */
  learned: ByteCount | undefined;
  /** Why it is never loaded: it alone is larger than the budget. */
  tooLarge: string | undefined;
  /** How often it was used recently, as of `heatAt`. */
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
    waiters: NO_WAITERS,
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

/** Whether the model server now answers requests for it. A version other than the desired one counts too. */
export function answers({ model }: Entry): boolean {
  return model !== undefined && model.served.kind !== 'absent' && !model.unloading;
}

/** Whether the model server holds something of it, or may. */
export function holdsMemory({ model }: Entry): boolean {
  return model !== undefined && (model.served.kind !== 'absent' || model.unloading || model.loading);
}

/** Whether the model server is loading it now, which cannot be cancelled. */
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

/** Whether the desired version has been loaded once. */
export function isProved({ model }: Entry): boolean {
  return model?.desired !== undefined && model.loadedHash === specHash(model.desired);
}

/** Its charge when loaded: at least one byte, so that 0 means not charged. */
export function sizeOf({ learned, model }: Entry): ByteCount {
  return learned ?? declaredSize(model?.desired ?? model?.stored);
}

function declaredSize(spec: ModelSpec | undefined): ByteCount {
  const quantity = spec === undefined ? undefined : parseQuantity(spec.memory);
  return quantity === undefined ? 1 : Math.max(1, Number(toBytes(quantity)));
}

/** A failure for which waiting is pointless: the source, or the model server, refused the desired version. */
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
