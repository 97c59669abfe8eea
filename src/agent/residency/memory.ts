import type { Entry } from './entry.ts';
import {
  allowedCharge,
  type ByteCount,
  ceilingAfterEnd,
  type HeldAtEnd,
  type MemoryStanding,
} from './residency.decide.ts';
import { createServerProcess } from './server-process.ts';

/** How the memory stands, for people. */
export interface MemoryFigures {
  /** Undefined: there is none, and everything fits. */
  readonly budget: ByteCount | undefined;
  readonly charged: ByteCount;
  /** The most that was ever charged since the model server began. */
  readonly peak: ByteCount;
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
  /** Those that are charged, also those that leave. */
  holders(): ReadonlySet<Entry>;
  standing(promised: ByteCount): MemoryStanding;
  /** Whether the process has to be looked at before one more of this size is loaded. */
  wantsMeasure(size: ByteCount): boolean;
  /** What the process takes in all. */
  measured(resident: ByteCount): void;
  /** The process ended: the next one has nothing. `held` is what it was charged with; undefined: it was not loading. */
  serverGone(held: HeldAtEnd | undefined): void;
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
      // Whoever gives more knows better than what was learned.
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
