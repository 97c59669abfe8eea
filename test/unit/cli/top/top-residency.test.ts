import { describe, expect, it } from '@jest/globals';
import { addResidencyMetrics } from '../../../../src/agent/residency/metrics.ts';
import { createAgentMetrics } from '../../../../src/agent/status/metrics.ts';
import type { TrackedModel } from '../../../../src/agent/engine/tracked-model.ts';
import {
  podResidency,
  residencyDocument,
  residencyTable,
  residentServices,
} from '../../../../src/cli/top/top-residency.decide.ts';
import type { PodResidency } from '../../../../src/cli/top/top-residency.decide.ts';
import { readMetrics } from '../../../../src/lib/metrics-text.ts';
import { AGENT_METRICS } from '../../../../src/contract/residency-figures.ts';

const MI = 2 ** 20;

/** The figures from the metrics of a real agent. */
async function agentSays(measured: number | undefined, onDemand = true): Promise<PodResidency | undefined> {
  const phases = ['Loaded', 'Standby', 'Standby', 'Remote'];
  const models = phases.map((phase, index) => ({
    ...{ name: `m${index}`, phase: { phase }, bytes: 1, attempts: 1, times: {} },
  })) as unknown as TrackedModel[];
  const { registry, text } = createAgentMetrics(
    () => models,
    () => true,
  );
  if (onDemand)
    addResidencyMetrics(
      registry,
      () => ({
        ...{ loaded: 1, waiting: 0, diskUsed: 0 },
        memory: { budget: 64 * MI, allowed: 64 * MI, charged: 12 * MI, peak: 24 * MI, measured },
        counts: { loads: 1, hits: 199, misses: 1, evictions: 0, diskEvictions: 0, spared: new Map() },
      }),
      () => 'server',
    );
  return podResidency(readMetrics(await text(), AGENT_METRICS));
}

const pod = (namespace: string, inferenceService: string, residency: PodResidency | undefined) => ({
  ...{ namespace, inferenceService, ...(residency !== undefined && { residency }) },
});

describe('the on-demand figures of mms top', () => {
  it('are empty when all models stay in memory', async () => {
    const services = residentServices([pod('ns', 'flowers', await agentSays(undefined, false))]);
    expect([services, residencyDocument(services)]).toEqual([[], {}]);
  });

  it('are the sums over the pods of an InferenceService', async () => {
    const [reported, unreported] = [await agentSays(14 * MI), await agentSays(undefined)];
    const services = residentServices([
      pod('ns', 'b', unreported),
      pod('ns', 'a', reported),
      pod('ns', 'a', unreported),
    ]);
    expect(residencyTable(services, true)).toEqual({
      headings: [
        ...[
          'NAMESPACE',
          'INFERENCESERVICE',
          'PODS',
          'IN MEMORY',
          'STANDBY',
          'REMOTE',
          'DECLARED',
          'MEASURED',
        ],
        ...['BUDGET', 'HITS', 'COLD STARTS'],
      ],
      rows: [
        ['ns', 'a', '2', '2', '4', '2', '24Mi', '14Mi', '128Mi', '99%', '2'],
        ['ns', 'b', '1', '1', '2', '1', '12Mi', '-', '64Mi', '99%', '1'],
      ],
    });
    expect(residencyDocument(services)).toMatchObject({
      residency: [
        {
          ...{ name: 'a', pods: 2, standby: 4, remote: 2, hits: 398, misses: 2, measuredBytes: 14 * MI },
          declaredPeakBytes: 48 * MI,
        },
        { name: 'b', measuredBytes: null, budgetBytes: 64 * MI },
      ],
    });
  });

  it('ignore invalid amounts', () => {
    const odd = ['resident_models 1', 'memory_budget_bytes 1e300', 'resident_declared_bytes -5'];
    const samples = readMetrics(odd.map((line) => `${AGENT_METRICS}${line}\n`).join(''), AGENT_METRICS);
    const services = residentServices([pod('ns', 'a', podResidency(samples))]);
    expect(residencyTable(services, false).rows).toEqual([
      ['a', '1', '1', '0', '0', '-', '-', '-', '-', '0'],
    ]);
  });
});
