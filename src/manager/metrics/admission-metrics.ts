import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { InjectionDecision } from '../../contract/agent-injection.ts';
import type { AdmissionServer } from '../../admission/admission-server.ts';
import { ROOM_REASONS } from '../../lib/connection-room.ts';
import type { RoomReason } from '../../lib/connection-room.ts';
import type { AdmissionObservation } from '../../admission/review-endpoint.ts';
import { DURATION_BUCKETS } from './buckets.ts';

export interface AdmissionMetrics {
  admission(observation: AdmissionObservation): void;
  injection(decision: Pick<InjectionDecision, 'outcome' | 'reason'>): void;
  /** Read at each scrape. */
  observeWebhookServer(server: Pick<AdmissionServer, 'reviewsInFlight' | 'connections' | 'heldBytes'>): void;
  connectionClosed(reason: RoomReason): void;
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
  let server: Parameters<AdmissionMetrics['observeWebhookServer']>[0] | undefined;
  const gauge = (name: string, help: string, read: () => number | undefined): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read() ?? 0);
      },
    });
  };
  gauge('mms_admission_in_flight', 'Admission reviews that are being answered.', () =>
    server?.reviewsInFlight(),
  );
  gauge('mms_webhook_connections', 'Connections to the webhook port.', () => server?.connections());
  gauge('mms_webhook_held_bytes', 'Memory that requests to the webhook hold together.', () =>
    server?.heldBytes(),
  );
  const closed = new Counter({
    name: 'mms_webhook_connections_closed_total',
    help: 'Connections to the webhook port that were closed to make room for new ones, or refused, by what they had done.',
    labelNames: ['reason'] as const,
    registers,
  });
  for (const reason of ROOM_REASONS) closed.inc({ reason }, 0);
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
    observeWebhookServer: (observed) => (server = observed),
    connectionClosed: (reason) => closed.inc({ reason }),
    certificateExpiry: (seconds) => expiry.set(seconds),
  };
}
