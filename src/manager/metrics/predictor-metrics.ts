import { Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { PredictorOutcome } from '../../contract/predictor-outcome.ts';
import type { WorkQueueEvent } from '../../controllers/work-queue.ts';
import { DURATION_BUCKETS } from './buckets.ts';

/** The metrics of the predictor controller. */
export interface PredictorMetrics {
  predictorQueue(event: WorkQueueEvent<ObjectKey>): void;
  /** `outcome`: undefined when the InferenceService is not managed. */
  predictorReconciled(key: ObjectKey, outcome: PredictorOutcome | undefined): void;
}

export function predictorMetrics(registry: Registry): PredictorMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'mms_predictor_reconcile_duration_seconds',
    help: 'Time to bring Deployment, Service and status of one InferenceService in step, by result.',
    labelNames: ['result'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const states = new Map<ObjectKey, string>();
  new Gauge({
    name: 'mms_predictors',
    help: 'InferenceServices that are managed, by state: Deployed, or the reason why not.',
    labelNames: ['state'] as const,
    registers,
    collect() {
      this.reset();
      this.set({ state: DEPLOYED }, 0);
      for (const state of states.values()) this.inc({ state });
    },
  });
  return {
    predictorQueue: (event) => {
      if (event.type === 'finished') durations.observe({ result: event.outcome }, event.duration / 1000);
    },
    predictorReconciled: (key, outcome) => {
      if (outcome === undefined) states.delete(key);
      else states.set(key, stateOf(outcome));
    },
  };
}

const DEPLOYED = 'Deployed';

function stateOf(outcome: PredictorOutcome): string {
  switch (outcome.kind) {
    case 'deployed':
      return DEPLOYED;
    case 'going':
      return 'BeingDeleted';
    case 'abandoned':
      return 'IsNotMMSPredictor';
    case 'blocked':
      return outcome.reason;
  }
}
