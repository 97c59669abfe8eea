import { describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import type { EpochMs, MonotonicMs } from '../../../src/lib/clock.ts';
import { createManagerMetrics } from '../../../src/manager/metrics.ts';
import type { ObservedCache } from '../../../src/manager/metrics/cluster-metrics.ts';

describe('the metrics of the manager', () => {
  it('report the age of each cache at the time of the scrape, and no age before its first list', async () => {
    const metrics = createManagerMetrics();
    let now = 10_000;
    const cache = { synced: true, get: () => undefined, list: () => [{ metadata: { name: 'a' } }] };
    const unheard = { cache: { ...cache, synced: false, list: () => [] }, heardAt: undefined };
    metrics.observeCaches(
      new Map<string, ObservedCache>([
        ['pods', { cache, heardAt: 4000 as MonotonicMs }],
        ['configmaps', unheard],
      ]),
      { now: () => 0 as EpochMs, monotonic: () => now as MonotonicMs, sleep: () => Promise.resolve() },
    );
    const value = async (name: string): Promise<unknown> =>
      (await metrics.registry.getMetricsAsJSON()).find((metric) => metric.name === name)?.values;
    now = 12_000;
    expect(await value('mms_cache_age_seconds')).toEqual([{ labels: { resource: 'pods' }, value: 8 }]);
    expect(await value('mms_cache_objects')).toMatchObject([{ value: 1 }, { value: 0 }]);
    expect(await value('mms_cache_synced')).toMatchObject([{ value: 1 }, { value: 0 }]);
  });

  it('count a failed reconcile by its error code, and ignore a successful one', async () => {
    const metrics = createManagerMetrics();
    const finished = { type: 'finished', key: 'a/b' as never, duration: milliseconds(5) } as const;
    metrics.workQueue({ ...finished, outcome: 'retry', code: 'API_CONFLICT' });
    metrics.workQueue({ ...finished, outcome: 'done', code: undefined });
    const errors = await metrics.registry.getSingleMetric('mms_reconcile_errors_total')?.get();
    expect(errors?.values).toEqual([{ labels: { code: 'API_CONFLICT' }, value: 1 }]);
  });
});
