import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { ModelConfigPlan, WaitingModel } from '../../contract/model-config-plan.ts';

/** The last decision for each model: whether it is in a models.json, or why not. */
interface Placements {
  /** Records a plan. Returns the names of models for which it differs from the previous one. */
  planned(key: ObjectKey, plan: ModelConfigPlan): Iterable<string>;
  /** Undefined while there is no decision. An arrow function, so that it can be passed on. */
  readonly waitingFor: (key: ObjectKey, name: string) => WaitingModel | 'placed' | undefined;
  forget(key: ObjectKey): void;
}

export function createPlacements(): Placements {
  const byKey = new Map<ObjectKey, ReadonlyMap<string, WaitingModel | 'placed'>>();
  return {
    planned(key, plan) {
      const before = byKey.get(key) ?? new Map<string, WaitingModel | 'placed'>();
      const after = new Map<string, WaitingModel | 'placed'>();
      for (const { models } of plan.shards)
        for (const { modelName } of models) after.set(modelName, 'placed');
      for (const waiting of plan.waiting) after.set(waiting.name, waiting);
      if (after.size === 0) byKey.delete(key);
      else byKey.set(key, after);
      return [...after].filter(([name, now]) => !isSame(before.get(name), now)).map(([name]) => name);
    },
    waitingFor: (key, name) => byKey.get(key)?.get(name),
    forget: (key) => void byKey.delete(key),
  };
}

function isSame(a: WaitingModel | 'placed' | undefined, b: WaitingModel | 'placed'): boolean {
  if (a === undefined || a === 'placed' || b === 'placed') return a === b;
  return a.reason === b.reason && a.message === b.message;
}
