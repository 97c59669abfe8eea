import type { MetricSample } from '../lib/metrics-text.ts';
import { figuresOf, NO_TRAFFIC, sumOf, trafficIn } from '../contract/model-traffic.ts';
import type { Traffic } from '../contract/model-traffic.ts';
import { bytesIn, phasesIn, residencyIn } from '../contract/residency-figures.ts';
import type { ResidencyFigures } from '../contract/residency-figures.ts';
import type { ModelReplica, Requests, Residency, ServiceReplica } from './page-documents.decide.ts';

/** The result of reading one pod's agent. */
export interface AgentReading {
  readonly pod: string;
  readonly ready: boolean;
  /** Why it failed; empty on success. */
  readonly silent: string;
  readonly samples: readonly MetricSample[];
}

/** One pod's figures, computed once for all viewers. */
export interface ReplicaFigures extends Omit<AgentReading, 'samples'> {
  readonly traffic: ReadonlyMap<string, Traffic>;
  readonly phases: ReadonlyMap<string, string>;
  readonly bytes: ReadonlyMap<string, number>;
  readonly residency: Residency | null;
}

/** The phases of docs/agent-status.md in the order of the page; any other text of a pod is not a phase. */
const PHASES = [
  ...['Failed', 'Queued', 'Downloading', 'Loading', 'Unloading', 'Remote', 'Standby', 'Loaded'],
] as const;

/**
 * The agent's label for requests that are not predictions, such as those for readiness. If no agent reports a status, the manager
 * sends these for models that are not loaded yet, and gets 404.
 */
const NOT_OF_A_MODEL = 'other';

export function replicaFigures({ samples, ...shared }: AgentReading): ReplicaFigures {
  const residency = residencyIn(samples);
  const ofModels = samples.filter(({ labels }) => labels.get('verb') !== NOT_OF_A_MODEL);
  return {
    ...{ ...shared, traffic: trafficIn(ofModels), phases: phasesIn(samples), bytes: bytesIn(samples) },
    residency: residency === undefined ? null : residencyOf(residency),
  };
}

function residencyOf(figures: ResidencyFigures): Residency {
  const { resident, hits, misses, budget, declared, measured } = figures;
  return {
    ...{ resident, hits, misses },
    ...{ budget: budget ?? null, declared: declared ?? null, measured: measured ?? null },
  };
}

/** A pod as a row of its InferenceService. */
export function serviceReplica(figures: ReplicaFigures): ServiceReplica {
  const { pod, ready, silent, phases, residency } = figures;
  const all = [...figures.traffic.values()].reduce(sumOf, NO_TRAFFIC);
  const counts = PHASES.map((phase) => ({
    phase,
    count: [...phases.values()].filter((one) => one === phase).length,
  }));
  return {
    ...{ pod, ready, silent, residency, requests: silent === '' ? requestsOf(all) : null },
    phases: counts.filter(({ count }) => count > 0),
  };
}

/** A pod as a row of one model. */
export function modelReplica(
  { pod, ready, silent, ...figures }: ReplicaFigures,
  model: string,
): ModelReplica {
  const phase = figures.phases.get(model) ?? '';
  const bytes = figures.bytes.get(model) ?? 0;
  return {
    ...{ pod, ready, silent, phase: PHASES.some((one) => one === phase) ? phase : '' },
    bytes: bytes > 0 ? bytes : null,
    requests: silent === '' ? requestsOf(figures.traffic.get(model) ?? NO_TRAFFIC) : null,
  };
}

function requestsOf(traffic: Traffic): Requests {
  const { requests, errors, meanMs, p99Ms } = figuresOf(traffic);
  return { requests, errors, meanMs: meanMs ?? null, p99Ms: p99Ms ?? null };
}
