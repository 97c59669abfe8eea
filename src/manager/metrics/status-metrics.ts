import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ObjectKey } from '../../core/kubernetes.ts';
import type { EventOutcome } from '../../reconciler/event-recorder.ts';
import type { StatusWriteOutcome } from '../../reconciler/status-writer.ts';
import type { WorkQueueEvent } from '../../reconciler/work-queue.ts';

/** Who is told of what the leader writes about TrainedModels. */
export interface TrainedModelStatusObserver {
  readonly written: (outcome: StatusWriteOutcome) => void;
  readonly event: (outcome: EventOutcome) => void;
  readonly queue: (event: WorkQueueEvent<ObjectKey>) => void;
}

/** Counts what the leader tells of TrainedModels. */
export function statusMetrics(registry: Registry): TrainedModelStatusObserver {
  const registers = [registry];
  const writes = new Counter({
    name: 'mms_status_writes_total',
    help: 'Writes of the status of TrainedModels, by result.',
    labelNames: ['result'] as const,
    registers,
  });
  const events = new Counter({
    name: 'mms_events_total',
    help: 'Events on TrainedModels: created, counted up, dropped by the rate limit, failed.',
    labelNames: ['result'] as const,
    registers,
  });
  const depth = new Gauge({
    name: 'mms_status_queue_depth',
    help: 'TrainedModels whose status waits to be looked at.',
    registers,
  });
  return {
    written: (result) => writes.inc({ result }),
    event: (result) => events.inc({ result }),
    queue: (event) => {
      if (event.type === 'depth') depth.set(event.depth);
    },
  };
}
