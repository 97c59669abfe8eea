import type { MetricSample } from '../lib/metrics-text.ts';

/** The prefix of every agent metric. */
export const AGENT_METRICS = 'kserve_mms_agent_';

/**
 * The memory figures of an agent with on-demand residency: src/agent/residency/metrics.ts. Bytes; undefined when not
 * reported.
 */
export interface ResidencyFigures {
  /** Models in memory. */
  readonly resident: number;
  readonly budget: number | undefined;
  readonly declared: number | undefined;
  /** The most of that since the model server began: it keeps what it has grown to. */
  readonly declaredPeak: number | undefined;
  /** The model server's memory use above its use without models. */
  readonly measured: number | undefined;
  /** Requests that found their model in memory, and those that waited for it. */
  readonly hits: number;
  readonly misses: number;
}

/** Undefined for an agent whose models are always resident, which has no such metrics. */
export function residencyIn(samples: readonly MetricSample[]): ResidencyFigures | undefined {
  const values = new Map(samples.map(({ name, value }) => [name, value]));
  const valueOf = (name: string): number | undefined => values.get(`${AGENT_METRICS}${name}`);
  const resident = valueOf('resident_models');
  if (resident === undefined) return undefined;
  return {
    resident,
    budget: valueOf('memory_budget_bytes'),
    declared: valueOf('resident_declared_bytes'),
    declaredPeak: valueOf('resident_declared_peak_bytes'),
    measured: valueOf('resident_measured_bytes'),
    hits: valueOf('residency_hits_total') ?? 0,
    misses: valueOf('residency_misses_total') ?? 0,
  };
}

/** The sum of two replicas. A figure that only one reports is that one's. */
export function residencySum(a: ResidencyFigures, b: ResidencyFigures): ResidencyFigures {
  return {
    resident: a.resident + b.resident,
    budget: sum(a.budget, b.budget),
    declared: sum(a.declared, b.declared),
    declaredPeak: sum(a.declaredPeak, b.declaredPeak),
    measured: sum(a.measured, b.measured),
    hits: a.hits + b.hits,
    misses: a.misses + b.misses,
  };
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}

/** The share of the requests that found their model in memory; undefined before the first. */
export function hitRatio({ hits, misses }: Pick<ResidencyFigures, 'hits' | 'misses'>): number | undefined {
  return hits + misses === 0 ? undefined : hits / (hits + misses);
}

/** The phase that an agent reports for each model. */
export function phasesIn(samples: readonly MetricSample[]): ReadonlyMap<string, string> {
  const phases = samples
    .filter(({ name, value }) => name === `${AGENT_METRICS}model_phase` && value > 0)
    .map(({ labels }): [string, string] => [labels.get('model') ?? '', labels.get('phase') ?? '']);
  return new Map(phases);
}

/** The bytes that each model has on disk. */
export function bytesIn(samples: readonly MetricSample[]): ReadonlyMap<string, number> {
  const sizes = samples
    .filter(({ name }) => name === `${AGENT_METRICS}model_bytes`)
    .map(({ labels, value }): [string, number] => [labels.get('model') ?? '', value]);
  return new Map(sizes);
}
