import { Counter, Gauge, type Registry } from 'prom-client';

/** The outcome of an event. `failed` counts attempts, and one event may fail more than once. */
export type EventOutcome = 'sent' | 'dropped' | 'failed';

interface LoggerMetrics {
  readonly count: (outcome: EventOutcome, events: number) => void;
}

/** The logger's metrics, among the agent's. The queue is read at every scrape. */
export function createLoggerMetrics(
  registry: Registry,
  size: () => { readonly events: number; readonly bytes: number },
): LoggerMetrics {
  const registers = [registry];
  const events = new Counter({
    name: 'kserve_mms_agent_log_events_total',
    help: 'Events of the request logger: sent, dropped, and attempts to send one that failed',
    labelNames: ['outcome'] as const,
    registers,
  });
  // Looked up once: each event counts.
  const counters = {
    sent: events.labels('sent'),
    dropped: events.labels('dropped'),
    failed: events.labels('failed'),
  };
  for (const counter of Object.values(counters)) counter.inc(0);
  for (const unit of ['events', 'bytes'] as const)
    new Gauge({
      name: `kserve_mms_agent_log_queue_${unit}`,
      help: `How many ${unit} wait to be sent by the request logger`,
      registers,
      collect() {
        this.set(size()[unit]);
      },
    });
  return { count: (outcome, count) => counters[outcome].inc(count) };
}
