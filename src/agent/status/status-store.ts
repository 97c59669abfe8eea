import type {
  AgentStatus,
  AgentStatusEvent,
  ConfigStatus,
  ModelPhase,
  ModelStatus,
} from '../../contract/agent-status.ts';
import { AGENT_STATUS_VERSION } from '../../contract/agent-status.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { EpochMs } from '../../lib/clock.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import type { ServerState } from '../model-server/monitor.ts';
import { rfc3339, statusOf } from './model-status.ts';
import { createNumberedModels } from './versioned-models.ts';

/** What is said of the agent as a whole, beside its models. */
interface AgentFacts {
  readonly ready: boolean;
  readonly readyReason: string;
  readonly config: ConfigStatus;
  readonly modelServer: ServerState;
}

/**
 * The status as documents, numbered by change. A stream asks for what changed since a number, so that a slow reader
 * costs no memory: it gets the latest state of each model, not every step on the way.
 */
export interface StatusBoard {
  readonly put: (model: Readonly<TrackedModel>) => void;
  /**
   * The same for a model that may come and go as it is asked for: who follows the changes hears of that at the next
   * {@link StatusBoard.tellQuiet}, and of all else at once. Who asks for a document is told how things are now.
   */
  readonly putQuietly: (model: Readonly<TrackedModel>) => void;
  readonly tellQuiet: () => void;
  readonly remove: (name: string) => void;
  readonly setFacts: (facts: Partial<AgentFacts>) => void;
  readonly facts: () => AgentFacts;
  readonly document: () => AgentStatus;
  readonly model: (name: string) => ModelStatus | undefined;
  /** The changes after a number of this instance, in order; a snapshot when that is not possible. */
  readonly since: (instance: string | undefined, sequence: number) => readonly AgentStatusEvent[];
  /** Calls back after changes, once for all of one turn of the event loop; returns how to stop it. */
  readonly subscribe: (listener: () => void) => () => void;
}

/** Makes a board without models; `instance` must be new for every start of the agent. */
export function createStatusBoard(instance: string, began: EpochMs): StatusBoard {
  let sequence = 0;
  let facts = initialFacts(began);
  let factsSequence = 0;
  const models = createNumberedModels();
  const bell = newBell();
  const next = () => ++sequence;
  const agent = () => agentDocument(facts, instance, sequence);
  // A model's document is made when somebody looks: a model that loads changes ten times in as many milliseconds.
  const unseen = new Map<string, Readonly<TrackedModel>>();
  const settle = () => {
    for (const tracked of unseen.values()) models.put(statusOf(tracked), next);
    unseen.clear();
  };
  const quiet = new Map<string, Readonly<TrackedModel>>();
  const now = (told: ModelStatus): ModelStatus => {
    const tracked = quiet.get(told.name);
    return tracked === undefined ? told : statusOf(tracked);
  };
  const document = (): AgentStatus => {
    settle();
    return { ...agent(), models: models.all().map(now) };
  };
  const put = (tracked: Readonly<TrackedModel>): void => {
    quiet.delete(tracked.name);
    unseen.set(tracked.name, tracked);
    bell.ring();
  };
  return {
    document,
    facts: () => facts,
    subscribe: bell.subscribe,
    model: (name) => {
      settle();
      const told = models.get(name);
      return told === undefined ? undefined : now(told);
    },
    put,
    putQuietly: (tracked) => {
      const { name, phase, desired } = tracked;
      if (!unseen.has(name) && desired !== undefined && COMING_AND_GOING.has(phase.phase)) {
        const told = models.get(name);
        if (told !== undefined && AT_HAND.has(told.phase) && told.specHash === specHash(desired)) {
          quiet.set(name, tracked);
          return;
        }
      }
      put(tracked);
    },
    tellQuiet: () => {
      for (const tracked of [...quiet.values()]) put(tracked);
    },
    remove: (name) => {
      quiet.delete(name);
      unseen.delete(name);
      if (models.remove(name, next)) bell.ring();
    },
    setFacts: (change) => {
      const changed = { ...facts, ...change };
      if (JSON.stringify(changed) === JSON.stringify(facts)) return;
      facts = changed;
      factsSequence = next();
      bell.ring();
    },
    since: (knownInstance, from) => {
      settle();
      if (knownInstance !== instance || from > sequence || from < models.oldest()) {
        return [{ type: 'SNAPSHOT', sequence, status: document() }];
      }
      const events = models.since(from);
      if (factsSequence > from) events.push({ type: 'AGENT', sequence: factsSequence, agent: agent() });
      return events.sort((a, b) => a.sequence - b.sequence);
    },
  };
}

/** A model that is told to be in one of these answers requests, at once or after a wait. */
const AT_HAND: ReadonlySet<ModelPhase['phase']> = new Set(['Loaded', 'Standby', 'Remote'] as const);
/** Where it may be meanwhile. */
const COMING_AND_GOING: ReadonlySet<ModelPhase['phase']> = new Set([
  ...(['Loaded', 'Standby', 'Remote', 'Loading', 'Downloading'] as const),
]);

function initialFacts(now: EpochMs): AgentFacts {
  return {
    ready: false,
    readyReason: 'the agent has just started',
    config: { state: 'waiting', message: 'models.json has not been read yet', hash: null },
    modelServer: { state: 'unknown', since: now },
  };
}

function agentDocument(facts: AgentFacts, instance: string, sequence: number): Omit<AgentStatus, 'models'> {
  const { state, since } = facts.modelServer;
  return {
    version: AGENT_STATUS_VERSION,
    instance,
    sequence,
    ready: facts.ready,
    readyReason: facts.readyReason,
    config: facts.config,
    modelServer: { state, since: rfc3339(since) },
  };
}

interface Bell {
  readonly ring: () => void;
  readonly subscribe: (listener: () => void) => () => void;
}

function newBell(): Bell {
  const listeners = new Set<() => void>();
  let ringing = false;
  return {
    ring: () => {
      if (ringing || listeners.size === 0) return;
      ringing = true;
      setImmediate(() => {
        ringing = false;
        for (const listener of [...listeners]) listener();
      });
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
