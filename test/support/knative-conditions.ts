import type { Condition, TrainedModelStatus } from '../../src/contract/trained-model-status.ts';

/**
 * The status after one run of KServe's controller, which marks its conditions in their order with Knative's condition
 * manager. Modelled on the behaviour of knative.dev/pkg apis/condition_set.go (MarkTrue, MarkFalse,
 * recomputeHappiness).
 *
 * @returns the status after a run in which the conditions in `broken` do not hold
 */
export function knativeManager(
  now: () => number,
): (status: TrainedModelStatus, types: readonly string[], broken: ReadonlySet<string>) => TrainedModelStatus {
  return (status, types, broken) => {
    const conditions = new Map((status.conditions ?? []).map((condition) => [condition.type, condition]));
    const set = (condition: Condition): void => {
      const before = conditions.get(condition.type);
      const essence = ({ status: is, reason = '', message = '' }: Condition) => `${is}/${reason}/${message}`;
      if (before !== undefined && essence(before) === essence(condition)) return;
      const lastTransitionTime = `${new Date(now()).toISOString().slice(0, 19)}Z`;
      conditions.set(condition.type, { ...condition, lastTransitionTime });
    };
    const unhappy = (): Condition | undefined => {
      const counted = [...conditions.values()]
        .filter(({ type, severity = '' }) => severity === '' && type !== 'Ready')
        .sort((a, b) => ((a.lastTransitionTime ?? '') > (b.lastTransitionTime ?? '') ? -1 : 1));
      return (
        counted.find((condition) => condition.status === 'False') ??
        counted.find((condition) => condition.status === 'Unknown') ??
        (types.length > counted.length ? { type: '', status: 'Unknown' } : undefined)
      );
    };
    for (const type of types) {
      if (broken.has(type)) {
        for (const each of [type, 'Ready']) set({ type: each, status: 'False', reason: type, message: type });
      } else {
        set({ type, status: 'True' });
        set({ ...(unhappy() ?? { status: 'True' as const }), type: 'Ready' });
      }
    }
    const sorted = [...conditions.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
    return { ...status, conditions: sorted };
  };
}
