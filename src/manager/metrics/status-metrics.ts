import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { TrainedModelStatusObserver } from '../../controllers/status/trained-model-status-controller.ts';

/** Counts the leader's reports on TrainedModels. */
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
    help: 'TrainedModels whose status waits to be checked.',
    registers,
  });
  const faults = new Counter({
    name: 'mms_agent_faults_total',
    help: 'Connections to predictor pods that were closed because their status was invalid or too large to keep.',
    registers,
  });
  const ignored = new Counter({
    name: 'mms_agent_models_ignored_total',
    help: 'Models that predictor pods reported and that no TrainedModel of their InferenceService asks for.',
    registers,
  });
  return {
    agent: { fault: () => faults.inc(), ignored: () => ignored.inc() },
    written: (result) => writes.inc({ result }),
    event: (result) => events.inc({ result }),
    queue: (event) => {
      if (event.type === 'depth') depth.set(event.depth);
    },
  };
}
