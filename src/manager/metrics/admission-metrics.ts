import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { InjectionDecision } from '../../core/agent-injection.ts';
import type { AdmissionObservation } from '../../webhook/review-endpoint.ts';
import { DURATION_BUCKETS } from './buckets.ts';

export interface AdmissionMetrics {
  admission(observation: AdmissionObservation): void;
  injection(decision: Pick<InjectionDecision, 'outcome' | 'reason'>): void;
  /** Asked at each scrape. */
  countReviewsInFlight(count: () => number): void;
  /** Seconds since the epoch. */
  certificateExpiry(seconds: number): void;
}

export function admissionMetrics(registry: Registry): AdmissionMetrics {
  const registers = [registry];
  const requests = new Histogram({
    name: 'mms_admission_duration_seconds',
    help: 'Time to answer an admission review, by webhook path and outcome.',
    labelNames: ['path', 'outcome'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  let inFlight = (): number => 0;
  new Gauge({
    name: 'mms_admission_in_flight',
    help: 'Admission reviews that are being answered.',
    registers,
    collect() {
      this.set(inFlight());
    },
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
    countReviewsInFlight: (count) => (inFlight = count),
    certificateExpiry: (seconds) => expiry.set(seconds),
  };
}
