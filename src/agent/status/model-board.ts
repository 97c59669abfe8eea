import type { AgentStatusEvent, ModelPhase, ModelStatus } from '../../contract/agent-status.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import { statusOf } from './model-status.ts';
import { createNumberedModels } from './versioned-models.ts';

/** The documents of the models, as they are told to those who follow the changes. */
interface ModelBoard {
  put(model: Readonly<TrackedModel>): void;
  /** Of what only comes and goes as it is asked for, those who follow hear at the next {@link tellQuiet}. */
  putQuietly(model: Readonly<TrackedModel>): void;
  tellQuiet(): void;
  remove(name: string): void;
  /** Numbers what has changed. */
  settle(): void;
  /** Whether there is such a model; asked for each request, so that no document is made for it. */
  has(name: string): boolean;
  /** How things are now, whether or not that was told. */
  get(name: string): ModelStatus | undefined;
  all(): ModelStatus[];
  oldest(): number;
  since(sequence: number): AgentStatusEvent[];
}

/** A model that is told to be in one of these answers requests, at once or after a wait. */
const AT_HAND: ReadonlySet<ModelPhase['phase']> = new Set(['Loaded', 'Standby', 'Remote'] as const);
/** Where it may be meanwhile. */
const COMING_AND_GOING: ReadonlySet<ModelPhase['phase']> = new Set([
  ...(['Loaded', 'Standby', 'Remote', 'Loading', 'Downloading'] as const),
]);

/** @param ring called after each change that is to be told */
export function createModelBoard(next: () => number, ring: () => void): ModelBoard {
  const models = createNumberedModels();
  // A model's document is made when somebody looks: a model that loads changes ten times in as many milliseconds.
  const unseen = new Map<string, Readonly<TrackedModel>>();
  const quiet = new Map<string, Readonly<TrackedModel>>();
  const settle = (): void => {
    for (const tracked of unseen.values()) models.put(statusOf(tracked), next);
    unseen.clear();
  };
  const put = (tracked: Readonly<TrackedModel>): void => {
    quiet.delete(tracked.name);
    unseen.set(tracked.name, tracked);
    ring();
  };
  const now = (told: ModelStatus): ModelStatus => {
    const tracked = quiet.get(told.name);
    return tracked === undefined ? told : statusOf(tracked);
  };
  const isQuiet = ({ name, phase, desired }: Readonly<TrackedModel>): boolean => {
    if (unseen.has(name) || desired === undefined || !COMING_AND_GOING.has(phase.phase)) return false;
    const told = models.get(name);
    return told !== undefined && AT_HAND.has(told.phase) && told.specHash === specHash(desired);
  };
  return {
    ...{ put, settle, oldest: models.oldest, since: models.since },
    putQuietly: (tracked) => {
      if (isQuiet(tracked)) quiet.set(tracked.name, tracked);
      else put(tracked);
    },
    tellQuiet: () => {
      for (const tracked of [...quiet.values()]) put(tracked);
    },
    remove: (name) => {
      quiet.delete(name);
      unseen.delete(name);
      if (models.remove(name, next)) ring();
    },
    has: (name) => unseen.has(name) || models.get(name) !== undefined,
    get: (name) => {
      settle();
      const told = models.get(name);
      return told === undefined ? undefined : now(told);
    },
    all: () => {
      settle();
      return models.all().map(now);
    },
  };
}
