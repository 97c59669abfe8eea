import { collectDefaultMetrics, Registry } from 'prom-client';
import { admissionMetrics } from './metrics/admission-metrics.ts';
import type { AdmissionMetrics } from './metrics/admission-metrics.ts';
import { clusterMetrics } from './metrics/cluster-metrics.ts';
import type { ClusterMetrics } from './metrics/cluster-metrics.ts';
import { predictorMetrics } from './metrics/predictor-metrics.ts';
import type { PredictorMetrics } from './metrics/predictor-metrics.ts';
import { reconcileMetrics } from './metrics/reconcile-metrics.ts';
import type { ReconcileMetrics } from './metrics/reconcile-metrics.ts';
import { statusMetrics } from './metrics/status-metrics.ts';
import type { TrainedModelStatusObserver } from '../controllers/status/trained-model-status-controller.ts';

/**
 * All metrics of the manager, and the functions with which its parts report. docs/reference/metrics.md is generated
 * from it.
 */
export interface ManagerMetrics extends AdmissionMetrics, ClusterMetrics, ReconcileMetrics, PredictorMetrics {
  readonly registry: Registry;
  /** Called with each write about TrainedModels. */
  readonly status: TrainedModelStatusObserver;
}

export function createManagerMetrics(): ManagerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...admissionMetrics(registry),
    ...clusterMetrics(registry),
    ...reconcileMetrics(registry),
    ...predictorMetrics(registry),
    status: statusMetrics(registry),
  };
}
