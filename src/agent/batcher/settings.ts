import { type Milliseconds, milliseconds } from '../../core/clock.ts';

/** The batcher's part of the agent's command line, as text. KServe v0.17's names: cmd/agent/main.go. */
export interface BatcherFlags {
  readonly enableBatcher: boolean;
  readonly maxBatchsize: string;
  readonly maxLatency: string;
}

/** KServe's defaults. */
export const BATCHER_FLAG_DEFAULTS = {
  enableBatcher: false,
  maxBatchsize: '32',
  maxLatency: '5000',
} as const satisfies BatcherFlags;

/** What the batcher runs with. */
export interface BatcherSettings {
  /** A batch of so many instances goes off at once. */
  readonly maxBatchSize: number;
  /** A batch goes off so long after its first request. */
  readonly maxLatency: Milliseconds;
}

/** Reads the batcher's flags; undefined when there is no batcher, whose other flags then mean nothing. */
export function readBatcher(flags: BatcherFlags, faults: string[]): BatcherSettings | undefined {
  if (!flags.enableBatcher) return undefined;
  const number = (flag: string, text: string, most: number): number => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1 && value <= most) return value;
    faults.push(`--${flag} ${JSON.stringify(text)} is not a whole number from 1 to ${most}`);
    return 1;
  };
  return {
    maxBatchSize: number('max-batchsize', flags.maxBatchsize, 1_000_000),
    maxLatency: milliseconds(number('max-latency', flags.maxLatency, 3_600_000)),
  };
}
