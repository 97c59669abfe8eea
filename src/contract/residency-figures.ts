import type { MetricSample } from '../lib/metrics-text.ts';

/** What the metrics of every agent begin with. */
export const AGENT_METRICS = 'kserve_mms_agent_';

/**
 * What an agent with on-demand residency says of the models in memory: src/agent/residency/metrics.ts. Bytes; undefined
 * where it does not say.
 */
export interface ResidencyFigures {
  /** Models in memory. */
  readonly resident: number;
  readonly budget: number | undefined;
  readonly declared: number | undefined;
  /** The most of that since the model server began: it keeps what it has grown to. */
  readonly declaredPeak: number | undefined;
  /** What the model server takes beyond what it takes without models. */
  readonly measured: number | undefined;
  /** Requests that found their model in memory, and those that had to wait for it. */
  readonly hits: number;
  readonly misses: number;
}

/** Undefined for an agent whose models are always resident: it has no such metrics. */
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

/** Of two replicas together; a figure that only one has is that one's. */
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

/** The phase that an agent says each model is in. */
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
