import type { Entry } from './entry.ts';
import { allowedCharge, type ByteCount, type MemoryStanding, needsMeasure } from './residency.decide.ts';

/** How the memory stands, for people. */
export interface MemoryFigures {
  /** Undefined: there is none, and everything fits. */
  readonly budget: ByteCount | undefined;
  readonly charged: ByteCount;
  /** What the model server takes beyond what it takes without models; undefined where it cannot be measured. */
  readonly measured: ByteCount | undefined;
  readonly allowed: ByteCount;
}

/** What the models take of the model server's memory: declared, learned, and measured where that can be. */
export interface MemoryLedger {
  setBudget(budget: ByteCount | undefined): void;
  budget(): ByteCount;
  charge(entry: Entry, size: ByteCount): void;
  uncharge(entry: Entry): void;
  /** Its unload is decided; it stays charged until it is done. */
  leave(entry: Entry): void;
  /** Its unload is called off. */
  stay(entry: Entry): void;
  isLeaving(entry: Entry): boolean;
  /** Those that are charged, also those that leave. */
  holders(): ReadonlySet<Entry>;
  standing(promised: ByteCount): MemoryStanding;
  /** Whether the process has to be looked at before one more of this size is loaded. */
  wantsMeasure(size: ByteCount): boolean;
  /** What the process takes in all. */
  measured(resident: ByteCount): void;
  /** The process ended: the next one has nothing. */
  serverGone(): void;
  /** What the process takes without models, for the agent after this one. */
  base(): ByteCount | undefined;
  figures(): MemoryFigures;
}

/** @param knownBase what an agent before this one has measured of the process without models */
export function createMemoryLedger(knownBase: ByteCount | undefined): MemoryLedger {
  let budget = Number.POSITIVE_INFINITY;
  let charged = 0;
  let leavingSum = 0;
  let peak = 0;
  let peakMeasured = 0;
  let resident: ByteCount | undefined;
  let base = knownBase;
  const holders = new Set<Entry>();
  const leaving = new Set<Entry>();
  const stay = (entry: Entry): void => {
    if (leaving.delete(entry)) leavingSum -= entry.charge;
  };
  const allowed = (): ByteCount =>
    allowedCharge(
      budget,
      resident === undefined || base === undefined || !Number.isFinite(budget)
        ? undefined
        : { resident, base, peak: peakMeasured },
    );
  const ledger: MemoryLedger = {
    setBudget: (next) => {
      budget = next ?? Number.POSITIVE_INFINITY;
    },
    budget: () => budget,
    charge: (entry, size) => {
      ledger.uncharge(entry);
      entry.charge = size;
      charged += size;
      holders.add(entry);
      peak = Math.max(peak, charged);
    },
    uncharge: (entry) => {
      stay(entry);
      charged -= entry.charge;
      entry.charge = 0;
      holders.delete(entry);
    },
    leave: (entry) => {
      if (leaving.has(entry)) return;
      leaving.add(entry);
      leavingSum += entry.charge;
    },
    stay,
    isLeaving: (entry) => leaving.has(entry),
    holders: () => holders,
    standing: (promised) => ({ charged, leaving: leavingSum, promised, allowed: allowed() }),
    wantsMeasure: (size) =>
      resident !== undefined &&
      needsMeasure(
        peak - peakMeasured,
        Math.max(0, charged + size - peak),
        budget - (resident - (base ?? 0)),
      ),
    measured: (now) => {
      resident = now;
      peakMeasured = peak;
      const without = charged === 0 && peak === 0 ? now : Math.max(0, now - charged);
      base = base === undefined ? without : Math.min(base, without);
    },
    serverGone: () => {
      peak = charged;
      peakMeasured = charged;
      resident = undefined;
    },
    base: () => base,
    figures: () => ({
      budget: Number.isFinite(budget) ? budget : undefined,
      charged,
      measured: resident === undefined || base === undefined ? undefined : Math.max(0, resident - base),
      allowed: allowed(),
    }),
  };
  return ledger;
}
