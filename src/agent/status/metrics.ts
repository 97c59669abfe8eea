import { text } from 'node:stream/consumers';
import { Counter, Histogram, Registry } from 'prom-client';
import type { Milliseconds } from '../../lib/clock.ts';
import { type Asked, askedIn } from '../../contract/model-target.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import { MODEL_SERIES_LABELS, modelSeries } from './model-series.ts';

const PREFIX = 'kserve_mms_agent';
/** Seconds: from a fast predictor to a slow generator, and from a small file to a large model. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];
const STEP_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900];

export interface AgentMetrics {
  readonly contentType: string;
  /** All metrics but the series of each model. Parts that not every agent has add theirs. */
  readonly registry: Registry;
  /** The labels of the series of each model, by metric. */
  readonly seriesLabels: ReadonlyMap<string, readonly string[]>;
  readonly text: () => Promise<string>;
  /** The same in pieces: with thousands of models it is some MiB. */
  readonly pieces: () => AsyncGenerator<string>;
  readonly stepped: (step: string, took: Milliseconds, outcome: string) => void;
  /**
   * Counts one proxied request. Requests without a model, or for an unknown one, share a label.
   * @param asked what the path asks, if it has been read before
   */
  readonly requested: (path: string, status: number, took: Milliseconds, asked?: Asked) => void;
  readonly forgotten: (model: string) => void;
}

/** The agent's metrics in a registry of their own. `models` is called at every scrape. */
export function createAgentMetrics(
  models: () => Iterable<Readonly<TrackedModel>>,
  knows: (model: string) => boolean,
): AgentMetrics {
  const registry = new Registry();
  const registers = [registry];
  const steps = new Histogram({
    name: `${PREFIX}_step_duration_seconds`,
    help: 'Time in a step of a model: queued, download, load, unload',
    labelNames: ['step', 'outcome'] as const,
    buckets: STEP_BUCKETS,
    registers,
  });
  const requests = new Counter({
    name: `${PREFIX}_requests_total`,
    help: 'Requests through the proxy, by the status that the client saw (499: the client disconnected)',
    labelNames: ['model', 'verb', 'code'] as const,
    registers,
  });
  const latencies = new Histogram({
    name: `${PREFIX}_request_duration_seconds`,
    help: 'Time from the arrival of a request to the end of its answer',
    labelNames: ['model', 'verb'] as const,
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const pieces = async function* (): AsyncGenerator<string> {
    yield `${await registry.metrics()}\n`;
    yield* modelSeries(PREFIX, models);
  };
  return {
    contentType: registry.contentType,
    registry,
    seriesLabels: new Map([...MODEL_SERIES_LABELS].map(([name, labels]) => [`${PREFIX}_${name}`, labels])),
    pieces,
    text: () => text(pieces()),
    stepped: (step, took, outcome) => steps.observe({ step, outcome }, took / 1000),
    requested: (path, status, took, asked = askedIn(path)) => {
      const inference = asked?.ask === 'inference' ? asked : undefined;
      const model = inference !== undefined && knows(inference.model) ? inference.model : '';
      const verb = inference?.verb ?? 'other';
      requests.inc({ model, verb, code: String(status) });
      latencies.observe({ model, verb }, took / 1000);
    },
    forgotten: (model) => {
      for (const verb of ['predict', 'explain', 'infer', 'generate']) latencies.remove({ model, verb });
    },
  };
}
