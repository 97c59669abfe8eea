import type { AgentStatusEvent, ModelStatus } from '../../contract/agent-status.ts';

/** Removals remembered for streams that reconnect. A stream that missed more gets a snapshot. */
const REMOVALS_KEPT = 1_000;

/** The documents of all models and the removals, each with the number of its last change. */
interface NumberedModels {
  /** False if the document has not changed; then `number` is not called. */
  readonly put: (model: ModelStatus, number: () => number) => boolean;
  readonly remove: (name: string, number: () => number) => boolean;
  readonly get: (name: string) => ModelStatus | undefined;
  readonly all: () => ModelStatus[];
  /** Changes before this number may have been forgotten. */
  readonly oldest: () => number;
  /** What changed after a number, in any order. */
  readonly since: (sequence: number) => AgentStatusEvent[];
}

/** Makes an empty table. */
export function createNumberedModels(): NumberedModels {
  const models = new Map<string, { readonly sequence: number; readonly model: ModelStatus }>();
  const removals = new Map<string, number>();
  let oldest = 0;
  return {
    oldest: () => oldest,
    get: (name) => models.get(name)?.model,
    all: () => [...models.values()].map(({ model }) => model),
    put: (model, number) => {
      if (JSON.stringify(models.get(model.name)?.model) === JSON.stringify(model)) return false;
      removals.delete(model.name);
      models.set(model.name, { sequence: number(), model });
      return true;
    },
    remove: (name, number) => {
      if (!models.delete(name)) return false;
      removals.set(name, number());
      for (const [forgotten, at] of removals) {
        if (removals.size <= REMOVALS_KEPT) break;
        removals.delete(forgotten);
        oldest = at;
      }
      return true;
    },
    since: (from) => [
      ...[...removals]
        .filter(([, sequence]) => sequence > from)
        .map(([name, sequence]): AgentStatusEvent => ({ type: 'REMOVED', sequence, name })),
      ...[...models.values()]
        .filter(({ sequence }) => sequence > from)
        .map(({ sequence, model }): AgentStatusEvent => ({ type: 'MODEL', sequence, model })),
    ],
  };
}
