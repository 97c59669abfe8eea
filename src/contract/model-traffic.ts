import type { MetricSample } from '../lib/metrics-text.ts';

/** The names under which an agent counts requests: src/agent/status/metrics.ts. */
export const REQUEST_METRICS = 'kserve_mms_agent_request';
const REQUESTS = `${REQUEST_METRICS}s_total`;
const DURATION = `${REQUEST_METRICS}_duration_seconds`;

/** The requests of one model, as monotonic counters. */
export interface Traffic {
  readonly requests: number;
  /** Answered with 4xx or 5xx, or abandoned by the client. */
  readonly errors: number;
  /** The sum of all durations in seconds, and how many there are. */
  readonly seconds: number;
  readonly count: number;
  /** Cumulative counts by upper bound in seconds, in rising order. */
  readonly buckets: ReadonlyMap<number, number>;
}

/** The figures shown to people. Times in milliseconds; undefined without requests. */
export interface TrafficFigures {
  readonly requests: number;
  readonly errors: number;
  readonly meanMs: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

export const NO_TRAFFIC: Traffic = { requests: 0, errors: 0, seconds: 0, count: 0, buckets: new Map() };

/** The same while it is summed: there may be hundreds of thousands of samples. */
interface Draft {
  requests: number;
  errors: number;
  seconds: number;
  count: number;
  readonly buckets: Map<number, number>;
}

/** By model, over all verbs and statuses. Requests for no model have the name ''. */
export function trafficIn(samples: readonly MetricSample[]): Map<string, Traffic> {
  const byModel = new Map<string, Draft>();
  for (const { name, labels, value } of samples) {
    const model = labels.get('model') ?? '';
    const draft = byModel.get(model) ?? { ...NO_TRAFFIC, buckets: new Map<number, number>() };
    byModel.set(model, draft);
    add(draft, name, labels, value);
  }
  return new Map([...byModel].map(([model, draft]) => [model, { ...draft, buckets: rising(draft.buckets) }]));
}

function add(draft: Draft, name: string, labels: ReadonlyMap<string, string>, value: number): void {
  switch (name) {
    case REQUESTS:
      draft.requests += value;
      if (Number(labels.get('code')) >= 400) draft.errors += value;
      break;
    case `${DURATION}_sum`:
      draft.seconds += value;
      break;
    case `${DURATION}_count`:
      draft.count += value;
      break;
    case `${DURATION}_bucket`: {
      const bound = Number(labels.get('le')?.replace('+Inf', 'Infinity'));
      draft.buckets.set(bound, (draft.buckets.get(bound) ?? 0) + value);
      break;
    }
    default:
  }
}

function rising(buckets: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  return new Map([...buckets].sort(([a], [b]) => a - b));
}

/** The sum of two, as of two replicas. */
export function sumOf(a: Traffic, b: Traffic): Traffic {
  return combined(a, b, (x, y) => x + y);
}

/** The growth between two readings of the same counters. Counters of an agent that restarted begin at zero. */
export function growthOf(before: Traffic, after: Traffic): Traffic {
  return after.requests < before.requests ? after : combined(after, before, (x, y) => Math.max(0, x - y));
}

function combined(a: Traffic, b: Traffic, how: (x: number, y: number) => number): Traffic {
  const bounds = new Set([...a.buckets.keys(), ...b.buckets.keys()]);
  const buckets = [...bounds].map((bound): [number, number] => {
    return [bound, how(a.buckets.get(bound) ?? 0, b.buckets.get(bound) ?? 0)];
  });
  return {
    requests: how(a.requests, b.requests),
    errors: how(a.errors, b.errors),
    seconds: how(a.seconds, b.seconds),
    count: how(a.count, b.count),
    buckets: rising(new Map(buckets)),
  };
}

export function figuresOf(traffic: Traffic): TrafficFigures {
  const { requests, errors, seconds, count } = traffic;
  return {
    requests,
    errors,
    meanMs: count > 0 ? (seconds / count) * 1000 : undefined,
    p50Ms: quantile(traffic, 0.5),
    p99Ms: quantile(traffic, 0.99),
  };
}

/**
 * As Prometheus computes it: linear within a bucket; for the last bucket, which has no upper bound, its lower bound.
 */
function quantile({ count, buckets }: Traffic, share: number): number | undefined {
  if (count === 0) return undefined;
  const rank = share * count;
  let [from, below] = [0, 0];
  for (const [bound, upTo] of buckets) {
    if (upTo >= rank) {
      if (bound === Infinity) return from * 1000;
      const within = upTo === below ? 1 : (rank - below) / (upTo - below);
      return (from + (bound - from) * within) * 1000;
    }
    [from, below] = [bound, upTo];
  }
  return undefined;
}
