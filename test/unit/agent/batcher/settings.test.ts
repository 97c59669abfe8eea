import { describe, expect, it } from '@jest/globals';
import { BATCHER_FLAG_DEFAULTS, readBatcher } from '../../../../src/agent/batcher/settings.ts';

describe("the batcher's flags", () => {
  const read = (more: { readonly maxBatchsize?: string; readonly maxLatency?: string }) => {
    const faults: string[] = [];
    const settings = readBatcher({ ...BATCHER_FLAG_DEFAULTS, enableBatcher: true, ...more }, faults);
    return { settings, faults };
  };

  it.each([
    [{}, { maxBatchSize: 32, maxLatency: 5_000 }],
    [
      { maxBatchsize: '1', maxLatency: '1' },
      { maxBatchSize: 1, maxLatency: 1 },
    ],
    // KServe's agent accepts these. A timer has a lower maximum.
    [
      { maxBatchsize: '3000000', maxLatency: '86400000' },
      { maxBatchSize: 3_000_000, maxLatency: 86_400_000 },
    ],
    [{ maxLatency: '99999999999999' }, { maxBatchSize: 32, maxLatency: 2 ** 31 - 1 }],
  ])('%j are read as %j', (flags, settings) => {
    expect(read(flags)).toEqual({ settings, faults: [] });
  });

  it.each([
    [{ maxLatency: '0' }, '--max-latency "0" is not a whole number of at least 1'],
    [{ maxLatency: '-1' }, '--max-latency "-1" is not a whole number of at least 1'],
    [{ maxBatchsize: '0' }, '--max-batchsize "0" is not a whole number of at least 1'],
    [{ maxBatchsize: '1.5' }, '--max-batchsize "1.5" is not a whole number of at least 1'],
    [{ maxBatchsize: '' }, '--max-batchsize "" is not a whole number of at least 1'],
  ])("%j are rejected, as by KServe's agent", (flags, fault) => {
    expect(read(flags).faults).toEqual([fault]);
  });
});
