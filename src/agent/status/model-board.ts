import type { AgentStatusEvent, ModelPhase, ModelStatus } from '../../contract/agent-status.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import { statusOf } from './model-status.ts';
import { createNumberedModels } from './versioned-models.ts';

/** The documents of the models, as sent to subscribers. */
interface ModelBoard {
  put(model: Readonly<TrackedModel>): void;
  /** For changes that only follow requests: subscribers get them at the next {@link flushQuiet}. */
  putQuietly(model: Readonly<TrackedModel>): void;
  flushQuiet(): void;
  remove(name: string): void;
  /** Numbers the pending changes. */
  settle(): void;
  /** The current state, whether or not it was sent. */
  get(name: string): ModelStatus | undefined;
  all(): ModelStatus[];
  oldest(): number;
  since(sequence: number): AgentStatusEvent[];
}

/** A model reported in one of these phases answers requests, at once or after a wait. */
const AVAILABLE: ReadonlySet<ModelPhase['phase']> = new Set(['Loaded', 'Standby', 'Remote'] as const);
/** The phases in between that are not reported. */
const COMING_AND_GOING: ReadonlySet<ModelPhase['phase']> = new Set([
  ...(['Loaded', 'Standby', 'Remote', 'Loading', 'Downloading'] as const),
]);

/** @param ring called after each change to send */
export function createModelBoard(next: () => number, ring: () => void): ModelBoard {
  const models = createNumberedModels();
  // A document is made when it is read: a loading model changes ten times in as many milliseconds.
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
  const now = (reported: ModelStatus): ModelStatus => {
    const tracked = quiet.get(reported.name);
    return tracked === undefined ? reported : statusOf(tracked);
  };
  const isQuiet = ({ name, phase, desired }: Readonly<TrackedModel>): boolean => {
    if (unseen.has(name) || desired === undefined || !COMING_AND_GOING.has(phase.phase)) return false;
    const reported = models.get(name);
    return reported !== undefined && AVAILABLE.has(reported.phase) && reported.specHash === specHash(desired);
  };
  return {
    ...{ put, settle, oldest: models.oldest, since: models.since },
    putQuietly: (tracked) => {
      if (isQuiet(tracked)) quiet.set(tracked.name, tracked);
      else put(tracked);
    },
    flushQuiet: () => {
      for (const tracked of [...quiet.values()]) put(tracked);
    },
    remove: (name) => {
      quiet.delete(name);
      unseen.delete(name);
      if (models.remove(name, next)) ring();
    },
    get: (name) => {
      settle();
      const reported = models.get(name);
      return reported === undefined ? undefined : now(reported);
    },
    all: () => {
      settle();
      return models.all().map(now);
    },
  };
}
