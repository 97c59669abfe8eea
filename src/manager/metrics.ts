import { collectDefaultMetrics, Registry } from 'prom-client';
import { admissionMetrics } from './metrics/admission-metrics.ts';
import type { AdmissionMetrics } from './metrics/admission-metrics.ts';
import { clusterMetrics } from './metrics/cluster-metrics.ts';
import type { ClusterMetrics } from './metrics/cluster-metrics.ts';
import { reconcileMetrics } from './metrics/reconcile-metrics.ts';
import type { ReconcileMetrics } from './metrics/reconcile-metrics.ts';

/**
 * Everything the manager counts, and the functions by which its parts tell of it. docs/operations.md has the list; a test
 * holds the two together.
 */
export interface ManagerMetrics extends AdmissionMetrics, ClusterMetrics, ReconcileMetrics {
  readonly registry: Registry;
}

export function createManagerMetrics(): ManagerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...admissionMetrics(registry),
    ...clusterMetrics(registry),
    ...reconcileMetrics(registry),
  };
}
