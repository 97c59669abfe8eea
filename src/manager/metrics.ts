import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ObjectKey } from '../core/kubernetes.ts';
import type { InjectionDecision } from '../core/agent-injection.ts';
import type { ModelConfigPlan } from '../core/model-config-plan.ts';
import type { RequestEvent } from '../kube/transport.ts';
import type { ReflectorEvent } from '../kube/reflector-loop.ts';
import type { PropagationResult } from '../reconciler/propagation.ts';
import type { WorkQueueEvent } from '../reconciler/work-queue.ts';
import type { AdmissionObservation } from '../webhook/review-endpoint.ts';

/** Everything the manager counts, and the functions by which its parts tell of it. */
export interface ManagerMetrics {
  readonly registry: Registry;
  admission(observation: AdmissionObservation): void;
  injection(decision: Pick<InjectionDecision, 'outcome' | 'reason'>): void;
  apiRequest(request: RequestEvent): void;
  reflector(resource: string, event: ReflectorEvent): void;
  workQueue(event: WorkQueueEvent<ObjectKey>): void;
  planned(key: ObjectKey, plan: ModelConfigPlan): void;
  propagated(result: PropagationResult): void;
  propagationQueue(event: WorkQueueEvent<ObjectKey>): void;
  leading(isLeader: boolean): void;
  /** Seconds since the epoch. */
  certificateExpiry(seconds: number): void;
}

/** Buckets in seconds: an admission takes one or two milliseconds, a reconcile tens. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createManagerMetrics(): ManagerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...admissionMetrics(registry),
    ...clusterMetrics(registry),
    ...modelMetrics(registry),
    ...propagationMetrics(registry),
  };
}

function admissionMetrics(
  registry: Registry,
): Pick<ManagerMetrics, 'admission' | 'injection' | 'certificateExpiry'> {
  const registers = [registry];
  const requests = new Histogram({
    name: 'mms_admission_duration_seconds',
    help: 'Time to answer an admission review.',
    labelNames: ['path', 'outcome'] as const,
    buckets: BUCKETS,
    registers,
  });
  const injections = new Counter({
    name: 'mms_injections_total',
    help: 'Decisions upon pods, by outcome and reason.',
    labelNames: ['outcome', 'reason'] as const,
    registers,
  });
  const expiry = new Gauge({
    name: 'mms_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that the webhook serves ends.',
    registers,
  });
  return {
    admission: ({ path, outcome, duration }) => requests.observe({ path, outcome }, duration / 1000),
    injection: ({ outcome, reason }) => injections.inc({ outcome, reason }),
    certificateExpiry: (seconds) => expiry.set(seconds),
  };
}

function clusterMetrics(registry: Registry): Pick<ManagerMetrics, 'apiRequest' | 'reflector' | 'leading'> {
  const registers = [registry];
  const requests = new Counter({
    name: 'mms_api_requests_total',
    help: 'Requests to the API server, by verb, resource and HTTP status or error code.',
    labelNames: ['verb', 'resource', 'code'] as const,
    registers,
  });
  const events = new Counter({
    name: 'mms_reflector_events_total',
    help: 'What happens to the watches: lists, watches opened and ended, retries.',
    labelNames: ['resource', 'event'] as const,
    registers,
  });
  const leader = new Gauge({
    name: 'mms_leader',
    help: '1 on the replica that reconciles, 0 on the others.',
    registers,
  });
  return {
    apiRequest: ({ verb, resource, code }) => requests.inc({ verb, resource, code: String(code) }),
    reflector: (resource, event) => events.inc({ resource, event: event.type }),
    leading: (isLeader) => leader.set(isLeader ? 1 : 0),
  };
}

function modelMetrics(registry: Registry): Pick<ManagerMetrics, 'workQueue' | 'planned'> {
  const registers = [registry];
  const reconciles = new Histogram({
    name: 'mms_reconcile_duration_seconds',
    help: 'Time to reconcile one InferenceService, by result.',
    labelNames: ['result'] as const,
    buckets: BUCKETS,
    registers,
  });
  const depth = new Gauge({
    name: 'mms_reconcile_queue_depth',
    help: 'InferenceServices that wait to be reconciled.',
    registers,
  });
  const counts = new Map<ObjectKey, ReadonlyMap<string, number>>();
  new Gauge({
    name: 'mms_trained_models',
    help: 'TrainedModels by state: Placed in a models.json, or the reason why they wait.',
    labelNames: ['state'] as const,
    registers,
    collect() {
      this.reset();
      this.set({ state: PLACED }, 0);
      for (const states of counts.values()) for (const [state, count] of states) this.inc({ state }, count);
    },
  });
  return {
    workQueue: (event) => {
      if (event.type === 'depth') depth.set(event.depth);
      if (event.type === 'finished') reconciles.observe({ result: event.outcome }, event.duration / 1000);
    },
    planned: (key, plan) => {
      const states = countStates(plan);
      if (states.size === 0) counts.delete(key);
      else counts.set(key, states);
    },
  };
}

function propagationMetrics(registry: Registry): Pick<ManagerMetrics, 'propagated' | 'propagationQueue'> {
  const registers = [registry];
  const patches = new Counter({
    name: 'mms_propagations_total',
    help: 'Pods told of a changed ConfigMap, by result.',
    labelNames: ['result'] as const,
    registers,
  });
  const depth = new Gauge({
    name: 'mms_propagation_queue_depth',
    help: 'Pods that wait to be told of a changed ConfigMap.',
    registers,
  });
  return {
    propagated: (result) => patches.inc({ result }),
    propagationQueue: (event) => {
      if (event.type === 'depth') depth.set(event.depth);
    },
  };
}

const PLACED = 'Placed';

function countStates({ shards, waiting }: ModelConfigPlan): Map<string, number> {
  const counts = new Map<string, number>();
  const placed = shards.reduce((sum, { models }) => sum + models.length, 0);
  if (placed > 0) counts.set(PLACED, placed);
  for (const { reason } of waiting) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}
