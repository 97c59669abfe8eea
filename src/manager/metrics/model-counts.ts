import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { ModelConfigPlan } from '../../contract/model-config-plan.ts';

const PLACED = 'Placed';

/** Models by state over all InferenceServices, from the latest plan of each. */
export function modelCounts(registry: Registry): {
  readonly planned: (key: ObjectKey, plan: ModelConfigPlan) => void;
} {
  const counts = new Map<ObjectKey, ReadonlyMap<string, number>>();
  new Gauge({
    name: 'mms_trained_models',
    help: 'TrainedModels by state, on the leader: Placed in a models.json, or the reason why they wait.',
    labelNames: ['state'] as const,
    registers: [registry],
    collect() {
      this.reset();
      this.set({ state: PLACED }, 0);
      for (const states of counts.values()) for (const [state, count] of states) this.inc({ state }, count);
    },
  });
  return {
    planned: (key, plan) => {
      const states = countStates(plan);
      if (states.size === 0) counts.delete(key);
      else counts.set(key, states);
    },
  };
}

function countStates({ shards, waiting }: ModelConfigPlan): Map<string, number> {
  const counts = new Map<string, number>();
  const placed = shards.reduce((sum, { models }) => sum + models.length, 0);
  if (placed > 0) counts.set(PLACED, placed);
  for (const { reason } of waiting) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}
