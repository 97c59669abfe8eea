import { type Milliseconds, milliseconds } from '../../lib/clock.ts';

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

/** The batcher's checked settings. */
export interface BatcherSettings {
  /** A batch with this many instances is sent at once. */
  readonly maxBatchSize: number;
  /** A batch is sent this long after its first request. */
  readonly maxLatency: Milliseconds;
}

/** Parses the batcher's flags. Undefined if there is no batcher; its other flags are then ignored. */
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
