import { type ByteCount, type MeasuredMemory, needsMeasure } from './residency.decide.ts';

/**
 * With its first model a server loads the libraries of its framework: scikit-learn's take 76 MiB in MLServer 1.7.1. They stay,
 * and count as the server's own, up to this many bytes together with what it takes empty: as much as the default budget leaves
 * it. The rest may as well be a model larger than declared; taken for the server's own, it brought the server over its limit.
 */
const MOST_OF_ITS_OWN = 256 * 1024 * 1024;

/** What is known of the memory of the model server's process. */
interface ServerProcess {
  /** Undefined where it cannot be measured. */
  known(): MeasuredMemory | undefined;
  /** What it takes beyond what it takes without models. */
  taken(): ByteCount | undefined;
  base(): ByteCount | undefined;
  /**
   * @param charged what the models in it take as declared
   * @param peak the most that was ever charged since the process began
   */
  measured(resident: ByteCount, charged: ByteCount, peak: ByteCount): void;
  /** Whether to measure before the charge grows by so much beyond its peak. */
  wantsLook(peak: ByteCount, growth: ByteCount, budget: ByteCount): boolean;
  /** It ended; the next one has no model. */
  gone(peak: ByteCount): void;
}

/** @param knownBase what an agent before this one has measured of the process without models */
export function createServerProcess(knownBase: ByteCount | undefined): ServerProcess {
  let resident: ByteCount | undefined;
  let base = knownBase;
  let peakMeasured = 0;
  const taken = (): ByteCount | undefined =>
    resident === undefined || base === undefined ? undefined : Math.max(0, resident - base);
  return {
    taken,
    base: () => base,
    known: () =>
      resident === undefined || base === undefined ? undefined : { resident, base, peak: peakMeasured },
    measured: (now, charged, peak) => {
      // The first look at a process that has models already: an agent before this one may have seen it without.
      if (resident === undefined)
        base = peak === 0 ? now : Math.min(base ?? Number.POSITIVE_INFINITY, Math.max(0, now - charged));
      else if (peakMeasured === 0 && base !== undefined)
        base = Math.max(base, Math.min(MOST_OF_ITS_OWN, base + Math.max(0, now - resident - peak)));
      resident = now;
      peakMeasured = peak;
    },
    wantsLook: (peak, growth, budget) => {
      const grown = taken();
      if (grown === undefined) return false;
      // The first model of the process is loaded alone: what that takes is mostly libraries.
      if (peakMeasured === 0 && peak > 0) return true;
      return needsMeasure(peak - peakMeasured, growth, budget - grown);
    },
    gone: (peak) => {
      peakMeasured = peak;
      resident = undefined;
    },
  };
}
