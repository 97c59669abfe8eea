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

/** What the batcher runs with. */
export interface BatcherSettings {
  /** A batch of so many instances goes off at once. */
  readonly maxBatchSize: number;
  /** A batch goes off so long after its first request. */
  readonly maxLatency: Milliseconds;
}

/** KServe takes any number: more than this, the longest time of a timer, is taken for as much. */
const MOST = 2 ** 31 - 1;

/** Reads the batcher's flags; undefined when there is no batcher, whose other flags then mean nothing. */
export function readBatcher(flags: BatcherFlags, faults: string[]): BatcherSettings | undefined {
  if (!flags.enableBatcher) return undefined;
  const number = (flag: string, text: string): number => {
    const value = /^\d{1,18}$/.test(text) ? Number(text) : 0;
    if (value < 1) faults.push(`--${flag} ${JSON.stringify(text)} is not a whole number from 1 on`);
    return Math.min(value, MOST);
  };
  return {
    maxBatchSize: number('max-batchsize', flags.maxBatchsize),
    maxLatency: milliseconds(number('max-latency', flags.maxLatency)),
  };
}
