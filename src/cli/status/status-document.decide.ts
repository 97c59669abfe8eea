import type { ClusterOverview, ServiceOverview } from './cluster-overview.decide.ts';
import type { ModelOverview } from './model-overview.decide.ts';
import type { Bytes } from '../../lib/quantity.ts';

/** Within a version fields are added, never removed or given another meaning. */
const STATUS_DOCUMENT_VERSION = 'kserve-mms/status.v1';

/** The JSON of `mms status`. Memory is in bytes; null when unknown. */
export function statusDocument({ inferenceServices, models }: ClusterOverview): object {
  return {
    version: STATUS_DOCUMENT_VERSION,
    inferenceServices: inferenceServices.map(serviceDocument),
    models: models.map(modelDocument),
  };
}

function serviceDocument({ memory, created, readyCondition, ...rest }: ServiceOverview): object {
  return {
    ...rest,
    memory: {
      usedBytes: Number(memory.used),
      declaredBytes: Number(memory.declared),
      limitBytes: numberOf(memory.limit),
    },
    readyCondition: readyCondition ?? null,
    created: created ?? null,
  };
}

/** One model in that document. */
export function modelDocument({
  memory,
  inferenceService,
  url,
  created,
  since,
  ...rest
}: ModelOverview): object {
  return {
    ...rest,
    inferenceService: inferenceService ?? null,
    memoryBytes: numberOf(memory),
    url: url ?? null,
    created: created ?? null,
    since: since ?? null,
  };
}

/** Exact up to eight pebibytes. */
function numberOf(amount: Bytes | undefined): number | null {
  return amount === undefined ? null : Number(amount);
}
