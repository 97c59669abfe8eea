import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Milliseconds } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { ModelConfigPlan } from '../../contract/model-config-plan.ts';
import type { ConfigMapWrite } from '../../controllers/models/config-map-writer.ts';
import type { PropagationResult } from '../../controllers/propagation/annotate-pods.ts';
import type { WorkQueueEvent } from '../../controllers/work-queue.ts';
import { DURATION_BUCKETS } from './buckets.ts';
import { modelCounts } from './model-counts.ts';

export interface ReconcileMetrics {
  workQueue(event: WorkQueueEvent<ObjectKey>): void;
  planned(key: ObjectKey, plan: ModelConfigPlan): void;
  configMapWritten(write: ConfigMapWrite): void;
  /** How long the watch took to show this process's write. */
  cacheLag(lag: Milliseconds): void;
  propagated(result: PropagationResult): void;
  propagationQueue(event: WorkQueueEvent<ObjectKey>): void;
}

export function reconcileMetrics(registry: Registry): ReconcileMetrics {
  return {
    ...modelCounts(registry),
    ...queueMetrics(registry),
    ...writeMetrics(registry),
    ...propagationMetrics(registry),
  };
}

function queueMetrics(registry: Registry): Pick<ReconcileMetrics, 'workQueue'> {
  const registers = [registry];
  const durations = new Histogram({
    name: 'mms_reconcile_duration_seconds',
    help: 'Time to reconcile one InferenceService, by result.',
    labelNames: ['result'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const errors = new Counter({
    name: 'mms_reconcile_errors_total',
    help: 'Reconciles that failed, by error code.',
    labelNames: ['code'] as const,
    registers,
  });
  const depth = new Gauge({
    name: 'mms_reconcile_queue_depth',
    help: 'InferenceServices that wait to be reconciled.',
    registers,
  });
  const waits = new Histogram({
    name: 'mms_reconcile_queue_wait_seconds',
    help: 'Time that an InferenceService waited for a worker once it was due.',
    buckets: DURATION_BUCKETS,
    registers,
  });
  return {
    workQueue: (event) => {
      if (event.type === 'depth') depth.set(event.depth);
      if (event.type === 'started') waits.observe(event.waited / 1000);
      if (event.type !== 'finished') return;
      durations.observe({ result: event.outcome }, event.duration / 1000);
      if (event.code !== undefined) errors.inc({ code: event.code });
    },
  };
}

function writeMetrics(registry: Registry): Pick<ReconcileMetrics, 'configMapWritten' | 'cacheLag'> {
  const registers = [registry];
  const writes = new Counter({
    name: 'mms_configmap_writes_total',
    help: 'ConfigMaps created, updated and deleted.',
    labelNames: ['operation'] as const,
    registers,
  });
  const bytes = new Counter({
    name: 'mms_configmap_written_bytes_total',
    help: 'Bytes of models.json in the ConfigMaps created and updated.',
    registers,
  });
  const lag = new Histogram({
    name: 'mms_cache_lag_seconds',
    help: 'Time from the answer to a write of a ConfigMap until the watch showed it, where that came later.',
    buckets: DURATION_BUCKETS,
    registers,
  });
  return {
    configMapWritten: (write) => {
      writes.inc({ operation: write.operation });
      bytes.inc(write.bytes);
    },
    cacheLag: (span) => lag.observe(span / 1000),
  };
}

function propagationMetrics(registry: Registry): Pick<ReconcileMetrics, 'propagated' | 'propagationQueue'> {
  const registers = [registry];
  const patches = new Counter({
    name: 'mms_propagations_total',
    help: 'Pods annotated because of a changed ConfigMap, by result.',
    labelNames: ['result'] as const,
    registers,
  });
  const depth = new Gauge({
    name: 'mms_propagation_queue_depth',
    help: 'Pods that wait to be annotated because of a changed ConfigMap.',
    registers,
  });
  return {
    propagated: (result) => patches.inc({ result }),
    propagationQueue: (event) => {
      if (event.type === 'depth') depth.set(event.depth);
    },
  };
}
