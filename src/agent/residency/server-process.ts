import { type ByteCount, type MeasuredMemory, needsMeasure } from './residency.decide.ts';

/**
 * With its first model a server loads the libraries of its framework: scikit-learn's take 76 MiB in MLServer 1.7.1. They stay,
 * and count as the server's own, up to this many bytes together with its memory when empty: as much as the default
 * budget leaves it. Anything above may be a model larger than declared. Counted as the server's own, it drove the
 * server over its limit.
 */
const MOST_OF_ITS_OWN = 256 * 1024 * 1024;

/** What is known of the memory of the model server's process. */
interface ServerProcess {
  /** Undefined if it cannot be measured. */
  known(): MeasuredMemory | undefined;
  /** Its memory minus its memory without models. */
  taken(): ByteCount | undefined;
  base(): ByteCount | undefined;
  /**
   * @param charged the declared sizes of the models in it
   * @param peak the largest charge since the process began
   */
  measured(resident: ByteCount, charged: ByteCount, peak: ByteCount): void;
  /** Whether to measure before the charge exceeds its peak by this much. */
  wantsLook(peak: ByteCount, growth: ByteCount, budget: ByteCount): boolean;
  /** It ended. The next one has no models. */
  gone(peak: ByteCount): void;
}

/** @param knownBase the memory of the process without models, as measured by an earlier agent */
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
      // The first measurement of a process that has models already: an earlier agent may have measured it without.
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
      // The first model of the process is loaded alone: its memory is mostly libraries.
      if (peakMeasured === 0 && peak > 0) return true;
      return needsMeasure(peak - peakMeasured, growth, budget - grown);
    },
    gone: (peak) => {
      peakMeasured = peak;
      resident = undefined;
    },
  };
}
