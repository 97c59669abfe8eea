import { Counter, Histogram, type Registry } from 'prom-client';

const SIZE_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The batcher's metrics, among the agent's. */
export function createBatcherMetrics(registry: Registry) {
  const registers = [registry];
  return {
    batches: new Counter({
      name: 'kserve_mms_agent_batches_total',
      help: 'Batches sent to the model server, by reason: full, or late (the latency limit was reached)',
      labelNames: ['why'] as const,
      registers,
    }),
    sizes: new Histogram({
      name: 'kserve_mms_agent_batch_instances',
      help: 'Instances in a batch',
      buckets: SIZE_BUCKETS,
      registers,
    }),
  };
}
