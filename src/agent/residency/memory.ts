import type { Entry } from './entry.ts';
import {
  allowedCharge,
  type ByteCount,
  ceilingAfterEnd,
  type HeldAtEnd,
  type MemoryStanding,
} from './residency.decide.ts';
import { createServerProcess } from './server-process.ts';

/** The state of the memory, for people. */
export interface MemoryFigures {
  /** Undefined: there is no limit, and everything fits. */
  readonly budget: ByteCount | undefined;
  readonly charged: ByteCount;
  /** The most that was ever charged since the model server began. */
  readonly peak: ByteCount;
  /** The model server's memory minus its memory without models. Undefined if it cannot be measured. */
  readonly measured: ByteCount | undefined;
  readonly allowed: ByteCount;
}

/** What the models take of the model server's memory: declared, learned, and measured if possible. */
export interface MemoryLedger {
  setBudget(budget: ByteCount | undefined): void;
  budget(): ByteCount;
  charge(entry: Entry, size: ByteCount): void;
  uncharge(entry: Entry): void;
  /** Its unload is decided. It stays charged until that is done. */
  leave(entry: Entry): void;
  /** Its unload is cancelled. */
  stay(entry: Entry): void;
  /** All charged models, also those that are leaving. */
  holders(): ReadonlySet<Entry>;
  standing(promised: ByteCount): MemoryStanding;
  /** Whether the process must be measured before one more model of this size is loaded. */
  wantsMeasure(size: ByteCount): boolean;
  /** The total memory of the process. */
  measured(resident: ByteCount): void;
  /** The process ended: the next one has no models. `held` is its charge, or undefined if it was not loading. */
  serverGone(held: HeldAtEnd | undefined): void;
  /** The memory of the process without models, for the next agent. */
  base(): ByteCount | undefined;
  figures(): MemoryFigures;
}

/** @param knownBase the memory of the process without models, as measured by an earlier agent */
export function createMemoryLedger(knownBase: ByteCount | undefined): MemoryLedger {
  let budget = Number.POSITIVE_INFINITY;
  let charged = 0;
  let leavingSum = 0;
  let peak = 0;
  let ceiling = Number.POSITIVE_INFINITY;
  const process = createServerProcess(knownBase);
  const holders = new Set<Entry>();
  const leaving = new Set<Entry>();
  const stay = (entry: Entry): void => {
    if (leaving.delete(entry)) leavingSum -= entry.charge;
  };
  const allowed = (): ByteCount =>
    Number.isFinite(budget) ? Math.min(ceiling, allowedCharge(budget, process.known())) : budget;
  const ledger: MemoryLedger = {
    setBudget: (next) => {
      const before = budget;
      budget = next ?? Number.POSITIVE_INFINITY;
      // A new budget overrides what was learned: its author may know better.
      if (budget !== before) ceiling = Number.POSITIVE_INFINITY;
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
    holders: () => holders,
    standing: (promised) => ({ charged, leaving: leavingSum, promised, allowed: allowed() }),
    wantsMeasure: (size) => process.wantsLook(peak, Math.max(0, charged + size - peak), budget),
    measured: (resident) => process.measured(resident, charged, peak),
    serverGone: (held) => {
      if (held !== undefined && process.known() === undefined) ceiling = ceilingAfterEnd(held, ceiling);
      process.gone((peak = charged));
    },
    base: process.base,
    figures: () => ({
      budget: Number.isFinite(budget) ? budget : undefined,
      ...{ charged, peak },
      measured: process.taken(),
      allowed: allowed(),
    }),
  };
  return ledger;
}
