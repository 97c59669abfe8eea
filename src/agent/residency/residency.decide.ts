import type { MonotonicMs } from '../../lib/clock.ts';

/** Bytes as a plain number: sums of them stay far below what a double counts exactly, and each request compares some. */
export type ByteCount = number;

/** For whose sake room is made. `proof`: nobody asked, the model is loaded once to see that it can be. */
export type Urgency = 'request' | 'proof';

/** A loaded model that nobody uses at this moment and that is not pinned. */
export interface Evictable {
  /** What it takes of the memory. */
  readonly charge: ByteCount;
  /** Before that it stays, so that two models that do not fit together do not turn each other out without end. */
  readonly keepUntil: MonotonicMs;
  /** Undefined: nobody has asked for it since it was loaded. */
  readonly lastUse: MonotonicMs | undefined;
}

/** A model that nobody asks for takes the place of no model that was used within this time, in milliseconds. */
const IN_USE_FOR = 30_000;

/**
 * Whether a model can ever be loaded beside those that never go. What was measured, or learned of a server that ended, may allow
 * for less than the budget: a model that the budget holds is loaded all the same, alone.
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

/** How the memory stands when room for one more model is needed. */
export interface MemoryStanding {
  /** What all take that are loaded or being loaded or unloaded. */
  readonly charged: ByteCount;
  /** What those take of it whose unload is decided. */
  readonly leaving: ByteCount;
  /** What those need that are to be loaded as soon as there is room. */
  readonly promised: ByteCount;
  /** What may be charged in all. */
  readonly allowed: ByteCount;
}

type RoomPlan<T> =
  /** It may be loaded now. */
  | { readonly kind: 'fits' }
  /** It may be loaded once these, none perhaps, and those that leave already are gone. */
  | { readonly kind: 'make'; readonly victims: readonly T[] }
  /** Nothing is unloaded for it now. `until`: when to look again, if nothing changes before. */
  | { readonly kind: 'wait'; readonly until: MonotonicMs | undefined };

/**
 * How to make room for a model that {@link canEverFit}: one that is larger than what is allowed gets room for itself alone. The whole eviction is planned before its first unload: where it does not suffice, nothing
 * is unloaded at all.
 *
 * @param oldestFirst from the least to the most recently used; no more are looked at than are needed
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

/** What is known of the memory that the model server's process really takes. */
export interface MeasuredMemory {
  readonly resident: ByteCount;
  /** What it took before any model was loaded. */
  readonly base: ByteCount;
  /** The most that was ever charged since this process began. */
  readonly peak: ByteCount;
}

/**
 * What may be charged in all. The servers give little back when they unload, and use it for what they load next: so no single
 * difference says anything, but what was charged at most is what the process has grown to. Up to that, loads cost nothing
 * more; beyond it they take what is left. A process that has grown beyond the budget may hold less, in proportion, than
 * what it grew with.
 *
 * @param measured undefined where nothing can be measured: then the declared sizes are all there is
 */
export function allowedCharge(budget: ByteCount, measured: MeasuredMemory | undefined): ByteCount {
  if (measured === undefined) return budget;
  const { peak } = measured;
  const taken = measured.resident - measured.base;
  if (taken > budget) return Math.floor((peak * budget) / taken);
  // What comes next is taken to be as much larger than declared as what is there; never smaller.
  const excess = peak === 0 ? 1 : Math.max(1, taken / peak);
  return Math.min(budget, Math.floor(peak + (budget - taken) / excess));
}

/**
 * How much may be charged beyond the peak before the process is measured again, as a part of what is left of the budget: so
 * the steps become smaller towards its end, and models that are ten times as large as declared take half of what is left.
 */
const UNMEASURED_PART = 0.05;

/** What a server was charged with when it ended. */
export interface HeldAtEnd {
  readonly loaded: ByteCount;
  readonly loading: ByteCount;
}

/** Of what was charged when a server ended that cannot be measured, the next one is charged with so much at most. */
const AFTER_AN_END = 0.75;

/**
 * What may be charged after a server has ended while it loaded, where its memory cannot be measured. What was loaded it has held;
 * of what was being loaded nobody knows how much of it was there. So the next one gets less than both together, and no more than it held.
 */
export function ceilingAfterEnd({ loaded, loading }: HeldAtEnd, ceiling: ByteCount): ByteCount {
  const less = Math.floor((loaded + loading) * AFTER_AN_END);
  return Math.min(ceiling, Math.max(1, loaded === 0 ? less : Math.min(less, loaded)));
}

/** Whether the process should be measured before one more model is loaded: each load may be larger than it was declared. */
export function needsMeasure(growthSinceMeasure: ByteCount, growth: ByteCount, left: ByteCount): boolean {
  return growth > 0 && growthSinceMeasure > 0 && growthSinceMeasure + growth > left * UNMEASURED_PART;
}

/** Times what it was charged with, for a model that was being loaded when the model server ended: memory may be why. */
const SUSPECT_TIMES = { alone: 4, amongOthers: 2 };

/** What to charge a model with that was being loaded when the model server ended. */
export function suspectCharge(charge: ByteCount, suspects: number, budget: ByteCount): ByteCount {
  const times = suspects === 1 ? SUSPECT_TIMES.alone : SUSPECT_TIMES.amongOthers;
  return Math.min(Math.max(1, charge) * times, Math.max(charge, budget));
}

/** Heat halves in this time, in milliseconds. */
const HALF_LIFE = 300_000;

/** How often a model was used of late: each use counts one at first, and less with time. */
export function cooled(heat: number, passed: number): number {
  return passed <= 0 ? heat : heat * 2 ** (-passed / HALF_LIFE);
}

/** How many times the budget is asked about: whether a request that had to wait would have found its model. */
export const WHAT_IF_TIMES = [1.5, 2] as const;

/**
 * Which of {@link WHAT_IF_TIMES} would have kept a model until now. Under a larger budget the last to be evicted would still be
 * there, as many as it holds more. A model that was evicted twice since then counts twice, so that this errs to the safe side.
 *
 * @param evictedSince bytes evicted from its own eviction on, its own included
 */
export function keptBy(evictedSince: ByteCount, budget: ByteCount): readonly number[] {
  return WHAT_IF_TIMES.filter((times) => evictedSince <= budget * (times - 1));
}
