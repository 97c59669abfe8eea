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

/** KServe accepts any number. A larger one than this, the longest time of a timer, is reduced to it. */
const MOST = 2 ** 31 - 1;

/** Parses the batcher's flags. Undefined if there is no batcher; its other flags are then ignored. */
export function readBatcher(flags: BatcherFlags, faults: string[]): BatcherSettings | undefined {
  if (!flags.enableBatcher) return undefined;
  const number = (flag: string, text: string): number => {
    const value = /^\d{1,18}$/.test(text) ? Number(text) : 0;
    if (value < 1) faults.push(`--${flag} ${JSON.stringify(text)} is not a whole number of at least 1`);
    return Math.min(value, MOST);
  };
  return {
    maxBatchSize: number('max-batchsize', flags.maxBatchsize),
    maxLatency: milliseconds(number('max-latency', flags.maxLatency)),
  };
}
