import { describe, expect, it } from '@jest/globals';
import { addResidencyMetrics } from '../../../src/agent/residency/metrics.ts';
import { createAgentMetrics } from '../../../src/agent/status/metrics.ts';
import type { TrackedModel } from '../../../src/agent/engine/tracked-model.ts';
import { milliseconds } from '../../../src/lib/clock.ts';
import { readMetrics } from '../../../src/lib/metrics-text.ts';
import { AGENT_METRICS } from '../../../src/contract/residency-figures.ts';
import { modelReplica, replicaFigures, serviceReplica } from '../../../src/page/page-replica.decide.ts';
import type { ReplicaFigures } from '../../../src/page/page-replica.decide.ts';

/** The figures from the metrics of a real agent with three models. */
async function figuresOf({ onDemand }: { readonly onDemand: boolean }): Promise<ReplicaFigures> {
  const models = [
    { name: 'iris', phase: { phase: 'Loaded' }, bytes: 2048, attempts: 1, times: {} },
    { name: 'rose', phase: { phase: 'Standby' }, bytes: 1024, attempts: 1, times: {} },
    { name: '__proto__', phase: { phase: 'Failed' }, bytes: 0, attempts: 4, times: {} },
  ] as unknown as TrackedModel[];
  const metrics = createAgentMetrics(
    () => models,
    () => true,
  );
  metrics.requested('/v2/models/iris/infer', 200, milliseconds(4));
  metrics.requested('/v2/models/iris/infer', 500, milliseconds(4));
  metrics.requested('/v2/models/rose/infer', 200, milliseconds(40));
  metrics.requested('/v2/models/iris/ready', 404, milliseconds(1));
  metrics.requested('/v2/health/ready', 503, milliseconds(1));
  metrics.requested('/v2/models/iris', 200, milliseconds(1));
  if (onDemand)
    addResidencyMetrics(
      metrics.registry,
      () => ({
        ...{ loaded: 1, waiting: 0, diskUsed: 0 },
        memory: { budget: 64, allowed: Infinity, charged: 12, peak: 12, measured: 14 },
        counts: { loads: 1, hits: 2, misses: 1, evictions: 0, diskEvictions: 0, spared: new Map() },
      }),
      () => 'server',
    );
  const samples = readMetrics(await metrics.text(), AGENT_METRICS);
  return replicaFigures({ pod: 'flowers-0', ready: true, silent: '', samples });
}

describe('a replica on the page', () => {
  it('has counts of its models by phase, and of the requests to models', async () => {
    const replica = serviceReplica(await figuresOf({ onDemand: false }));
    expect(replica).toMatchObject({
      ...{ pod: 'flowers-0', ready: true, silent: '', residency: null },
      phases: [
        { phase: 'Failed', count: 1 },
        { phase: 'Standby', count: 1 },
        { phase: 'Loaded', count: 1 },
      ],
      requests: { requests: 3, errors: 1, meanMs: 16 },
    });
  });

  it('has the memory in use when models may be asleep', async () => {
    expect(serviceReplica(await figuresOf({ onDemand: true })).residency).toEqual({
      ...{ resident: 1, budget: 64, declared: 12, measured: 14, hits: 2, misses: 1 },
    });
  });

  it.each([
    ['iris', { phase: 'Loaded', bytes: 2048, requests: { requests: 2, errors: 1, meanMs: 4 } }],
    ['__proto__', { phase: 'Failed', bytes: null, requests: { requests: 0, meanMs: null } }],
    ['constructor', { phase: '', bytes: null, requests: { requests: 0 } }],
  ])('has the figures of the model %s', async (name, wanted) => {
    expect(modelReplica(await figuresOf({ onDemand: true }), name)).toMatchObject(wanted);
  });

  it('ignores an invalid phase from a pod', () => {
    const samples = readMetrics(`${AGENT_METRICS}model_phase{model="a",phase="<b>"} 1\n`, AGENT_METRICS);
    const figures = replicaFigures({ pod: 'p', ready: true, silent: '', samples });
    expect([serviceReplica(figures).phases, modelReplica(figures, 'a').phase]).toEqual([[], '']);
  });

  it('gives the reason when nothing is known', () => {
    const figures = replicaFigures({ pod: 'p', ready: false, silent: 'it does not run yet', samples: [] });
    expect(serviceReplica(figures)).toMatchObject({ silent: 'it does not run yet', requests: null });
    expect(modelReplica(figures, 'a')).toMatchObject({ silent: 'it does not run yet', requests: null });
  });
});
