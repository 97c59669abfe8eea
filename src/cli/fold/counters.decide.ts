import { isRecord, recordsIn } from '../../lib/json.ts';
import { readMetrics } from '../../lib/metrics-text.ts';
import type { RequestCounts } from './half-budget.decide.ts';

/** Counters of requests by model, and the label with the model's name. */
export const COUNTERS = [
  // This project's agent.
  { name: 'kserve_mms_agent_requests_total', label: 'model' },
  // MLServer: mlserver/handlers/dataplane.py, a Counter named model_infer_request_success.
  { name: 'model_infer_request_success_total', label: 'model' },
  // KServe's Python servers: kserve/metrics.py, a Histogram named request_predict_seconds.
  { name: 'request_predict_seconds_count', label: 'model_name' },
] as const;

export type Counter = (typeof COUNTERS)[number];

/** One model's value of one counter. */
export interface Counted {
  readonly counter: string;
  readonly namespace: string;
  readonly model: string;
  readonly requests: number;
}

/** The counters in the `/metrics` of an agent or a model server. */
export function countedInText(text: string): Counted[] {
  return COUNTERS.flatMap(({ name: counter, label }) =>
    readMetrics(text, counter)
      .filter(({ name }) => name === counter)
      .map(({ labels, value }) => ({
        ...{ counter, namespace: labels.get('namespace') ?? '' },
        ...{ model: labels.get(label) ?? '', requests: value },
      })),
  );
}

/**
 * The counters in Prometheus' answer to a query:
 * https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
 */
export function countedInAnswer(answer: unknown, { name: counter, label }: Counter): Counted[] | undefined {
  if (!isRecord(answer) || answer['status'] !== 'success' || !isRecord(answer['data'])) return undefined;
  return recordsIn(answer['data']['result']).flatMap(({ metric, value }) => {
    const labels = isRecord(metric) ? metric : {};
    const requests = Number(Array.isArray(value) ? value[1] : undefined);
    if (!Number.isFinite(requests)) return [];
    return [{ counter, namespace: textOf(labels['namespace']), model: textOf(labels[label]), requests }];
  });
}

/**
 * The sum over the pods of a model. Agent and server count the same requests, so the largest of several counters wins.
 */
export function requestCounts(counted: readonly Counted[]): RequestCounts {
  const sums = new Map<string, Map<string, number>>();
  for (const { counter, namespace, model, requests } of counted) {
    if (model === '') continue;
    const key = `${namespace}/${model}`;
    const its = sums.get(key) ?? new Map<string, number>();
    sums.set(key, its.set(counter, (its.get(counter) ?? 0) + requests));
  }
  return new Map([...sums].map(([key, its]) => [key, Math.max(...its.values())]));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
