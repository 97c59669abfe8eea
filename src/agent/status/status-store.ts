import type {
  AgentStatus,
  AgentStatusEvent,
  ConfigStatus,
  MemorySource,
  ModelStatus,
} from '../../contract/agent-status.ts';
import { AGENT_STATUS_VERSION } from '../../contract/agent-status.ts';
import type { EpochMs } from '../../lib/clock.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import type { ServerState } from '../model-server/monitor.ts';
import { rfc3339 } from './model-status.ts';
import { createModelBoard } from './model-board.ts';

/** The status of the agent as a whole, beside its models. */
interface AgentFacts {
  readonly ready: boolean;
  readonly readyReason: string;
  readonly config: ConfigStatus;
  readonly modelServer: ServerState;
  readonly memorySource?: MemorySource;
}

/**
 * The status as documents, numbered by change. A stream asks for the changes since a number. A slow reader therefore
 * costs no memory: it gets the latest state of each model, not every step on the way.
 */
export interface StatusBoard {
  readonly put: (model: Readonly<TrackedModel>) => void;
  /**
   * The same for a model that loads and unloads with its requests. Subscribers get that at the next
   * {@link StatusBoard.flushQuiet}, and everything else at once. Reading a document always gives the current state.
   */
  readonly putQuietly: (model: Readonly<TrackedModel>) => void;
  readonly flushQuiet: () => void;
  readonly remove: (name: string) => void;
  readonly setFacts: (facts: Partial<AgentFacts>) => void;
  readonly facts: () => AgentFacts;
  readonly document: () => AgentStatus;
  readonly model: (name: string) => ModelStatus | undefined;
  /** The changes after a number of this instance, in order. A snapshot if that is not possible. */
  readonly since: (instance: string | undefined, sequence: number) => readonly AgentStatusEvent[];
  /** Calls back after changes, once per turn of the event loop. Returns the function that stops it. */
  readonly subscribe: (listener: () => void) => () => void;
}

/** Makes a board without models. `instance` must be new for every start of the agent. */
export function createStatusBoard(instance: string, began: EpochMs): StatusBoard {
  let sequence = 0;
  let facts = initialFacts(began);
  let factsSequence = 0;
  const bell = newBell();
  const next = () => ++sequence;
  const agent = () => agentDocument(facts, instance, sequence);
  const models = createModelBoard(next, bell.ring);
  const document = (): AgentStatus => {
    const all = models.all();
    return { ...agent(), models: all };
  };
  return {
    document,
    facts: () => facts,
    subscribe: bell.subscribe,
    ...{ model: models.get, put: models.put, putQuietly: models.putQuietly },
    ...{ flushQuiet: models.flushQuiet, remove: models.remove },
    setFacts: (change) => {
      const changed = { ...facts, ...change };
      if (JSON.stringify(changed) === JSON.stringify(facts)) return;
      facts = changed;
      factsSequence = next();
      bell.ring();
    },
    since: (knownInstance, from) => {
      models.settle();
      if (knownInstance !== instance || from > sequence || from < models.oldest()) {
        return [{ type: 'SNAPSHOT', sequence, status: document() }];
      }
      const events = models.since(from);
      if (factsSequence > from) events.push({ type: 'AGENT', sequence: factsSequence, agent: agent() });
      return events.sort((a, b) => a.sequence - b.sequence);
    },
  };
}

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
    ...(facts.memorySource !== undefined && { memorySource: facts.memorySource }),
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
