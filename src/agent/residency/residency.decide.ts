import type { MonotonicMs } from '../../lib/clock.ts';

/**
 * Bytes as a plain number: sums stay far below the largest exact integer of a double, and each request compares some.
 */
export type ByteCount = number;

/** Why room is made. `proof`: without a request, the model is loaded once to see that it can be. */
export type Urgency = 'request' | 'proof';

/** A loaded model that is not in use now and not pinned. */
export interface Evictable {
  /** What it takes of the memory. */
  readonly charge: ByteCount;
  /** It stays until then, so that two models that do not fit together do not evict each other endlessly. */
  readonly keepUntil: MonotonicMs;
  /** Undefined: it was not requested since it was loaded. */
  readonly lastUse: MonotonicMs | undefined;
}

/** A model without a request does not replace a model that was used within this time, in milliseconds. */
const IN_USE_FOR = 30_000;

/**
 * Whether a model can ever be loaded beside those that are never evicted. A measurement, or what was learned of a
 * server that ended, may allow less than the budget. A model that fits the budget is still loaded, alone.
 */
export function canEverFit(
  need: ByteCount,
  {
    allowed,
    budget,
    staying,
  }: { readonly allowed: ByteCount; readonly budget: ByteCount; readonly staying: ByteCount },
): boolean {
  return staying + need <= allowed || (staying === 0 && need <= budget);
}

/** The state of the memory when room for one more model is needed. */
export interface MemoryStanding {
  /** The bytes of all models that are loaded, loading or unloading. */
  readonly charged: ByteCount;
  /** The part of them whose unload is decided. */
  readonly leaving: ByteCount;
  /** The bytes of models to load as soon as there is room. */
  readonly promised: ByteCount;
  /** The most that may be charged in all. */
  readonly allowed: ByteCount;
}

type RoomPlan<T> =
  /** It may be loaded now. */
  | { readonly kind: 'fits' }
  /** It may be loaded once these (possibly none) and those already leaving are gone. */
  | { readonly kind: 'make'; readonly victims: readonly T[] }
  /** Nothing is unloaded for it now. `until`: when to check again, if nothing changes before. */
  | { readonly kind: 'wait'; readonly until: MonotonicMs | undefined };

/**
 * Plans the room for a model that {@link canEverFit}. If it is larger than what is allowed, it gets room for itself
 * alone. The whole eviction is planned before its first unload: if it is not enough, nothing is unloaded.
 *
 * @param oldestFirst from the least to the most recently used; only as many as needed are examined
 */
export function planRoom<T extends Evictable>(
  need: ByteCount,
  { charged, leaving, promised, allowed }: MemoryStanding,
  oldestFirst: Iterable<T>,
  urgency: Urgency,
  now: MonotonicMs,
): RoomPlan<T> {
  if (charged + promised + need <= Math.max(allowed, need)) return { kind: 'fits' };
  let short = charged - leaving + promised + need - Math.max(allowed, need);
  const victims: T[] = [];
  let until: MonotonicMs | undefined;
  for (const candidate of oldestFirst) {
    if (short <= 0) break;
    const from = evictableFrom(candidate, urgency);
    if (from <= now) {
      victims.push(candidate);
      short -= candidate.charge;
    } else if (until === undefined || from < until) until = from;
  }
  return short <= 0 ? { kind: 'make', victims } : { kind: 'wait', until };
}

function evictableFrom({ keepUntil, lastUse }: Evictable, urgency: Urgency): MonotonicMs {
  if (urgency === 'request' || lastUse === undefined) return keepUntil;
  return Math.max(keepUntil, lastUse + IN_USE_FOR) as MonotonicMs;
}

/** What is known of the real memory of the model server's process. */
export interface MeasuredMemory {
  readonly resident: ByteCount;
  /** Its memory before any model was loaded. */
  readonly base: ByteCount;
  /** The largest charge since this process began. */
  readonly peak: ByteCount;
}

/**
 * The most that may be charged in all. Servers return little memory after an unload, and reuse it for the next load. So
 * a single difference means nothing, but the largest charge corresponds to the size that the process has grown to. Up
 * to that charge, loads cost nothing more. Beyond it they use the rest of the budget. A process that has grown beyond
 * the budget may hold less, in proportion, than what it grew with.
 *
 * @param measured undefined if nothing can be measured: then only the declared sizes count
 */
export function allowedCharge(budget: ByteCount, measured: MeasuredMemory | undefined): ByteCount {
  if (measured === undefined) return budget;
  const { peak } = measured;
  const taken = measured.resident - measured.base;
  if (taken > budget) return Math.floor((peak * budget) / taken);
  // Assume that later models exceed their declared size in the same proportion as the present ones, and never fall
  // below it.
  const excess = peak === 0 ? 1 : Math.max(1, taken / peak);
  return Math.min(budget, Math.floor(peak + (budget - taken) / excess));
}

/**
 * How far the charge may exceed its peak before the process is measured again, as a fraction of the rest of the budget.
 * The steps become smaller towards its end, and models ten times as large as declared take half of the rest.
 */
const UNMEASURED_PART = 0.05;

/** The charge of a server when it ended. */
export interface HeldAtEnd {
  readonly loaded: ByteCount;
  readonly loading: ByteCount;
}

/**
 * If a server whose memory cannot be measured ends, the next one may hold this fraction of its charge. With three quarters, a
 * server that loaded eight models at once and had room for four and a half was killed a second time.
 */
const AFTER_AN_END = 0.5;

/**
 * What may be charged after a server ended during a load, if its memory cannot be measured. The server had held the loaded
 * models, and it is unknown how much of the loading ones was there. The next one gets less than both together, and no more than
 * the loaded models.
 */
export function ceilingAfterEnd({ loaded, loading }: HeldAtEnd, ceiling: ByteCount): ByteCount {
  const less = Math.floor((loaded + loading) * AFTER_AN_END);
  return Math.min(ceiling, Math.max(1, loaded === 0 ? less : Math.min(less, loaded)));
}

/** Whether to measure the process before one more model is loaded: each load may be larger than declared. */
export function needsMeasure(growthSinceMeasure: ByteCount, growth: ByteCount, left: ByteCount): boolean {
  return growth > 0 && growthSinceMeasure > 0 && growthSinceMeasure + growth > left * UNMEASURED_PART;
}

/** The factor on the charge of a model that was loading when the model server ended: memory may be the cause. */
const SUSPECT_TIMES = { alone: 4, amongOthers: 2 };

/** The charge for a model that was loading when the model server ended. */
export function suspectCharge(charge: ByteCount, suspects: number, budget: ByteCount): ByteCount {
  const times = suspects === 1 ? SUSPECT_TIMES.alone : SUSPECT_TIMES.amongOthers;
  return Math.min(Math.max(1, charge) * times, Math.max(charge, budget));
}

/** Heat halves in this time, in milliseconds. */
const HALF_LIFE = 300_000;

/** How often a model was used recently: each use counts one at first, and less with time. */
export function cooled(heat: number, passed: number): number {
  return passed <= 0 ? heat : heat * 2 ** (-passed / HALF_LIFE);
}

/** The multiples of the budget for which to ask whether a request that waited would have found its model. */
export const WHAT_IF_TIMES = [1.5, 2] as const;

/**
 * Which of {@link WHAT_IF_TIMES} would have kept a model until now. With a larger budget the last evicted models would
 * still be loaded, as many as the additional bytes hold. A model evicted twice since then counts twice, so this errs to
 * the safe side.
 *
 * @param evictedSince bytes evicted from its own eviction on, its own included
 */
export function keptBy(evictedSince: ByteCount, budget: ByteCount): readonly number[] {
  return WHAT_IF_TIMES.filter((times) => evictedSince <= budget * (times - 1));
}
