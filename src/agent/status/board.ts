import {
  AGENT_STATUS_VERSION,
  type AgentStatus,
  type AgentStatusEvent,
  type ConfigStatus,
  type ModelStatus,
  servingHash,
} from '../../core/agent-status.ts';
import { type EpochMs } from '../../core/clock.ts';
import { specHash } from '../../core/model-marker.ts';
import { type ServerState } from '../model-server/monitor.ts';
import { type TrackedModel, viewOf } from '../engine/tracked-model.ts';

/** Removals remembered for streams that come back; one that missed more gets a snapshot. */
const REMOVALS_KEPT = 1_000;

/** What is said of the agent as a whole, beside its models. */
export interface AgentFacts {
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
  put(model: Readonly<TrackedModel>): void;
  remove(name: string): void;
  setFacts(facts: Partial<AgentFacts>): void;
  document(): AgentStatus;
  model(name: string): ModelStatus | undefined;
  /** The changes after a number of this instance, in order; a snapshot when that is not possible. */
  since(instance: string | undefined, sequence: number): readonly AgentStatusEvent[];
  /** Calls back after changes, once for all of one turn of the event loop; returns how to stop it. */
  subscribe(listener: () => void): () => void;
}

interface Entry {
  readonly sequence: number;
  readonly model: ModelStatus;
}

/** Makes a board without models; `instance` must be new for every start of the agent. */
export function createStatusBoard(instance: string, now: EpochMs): StatusBoard {
  let sequence = 0;
  let facts: AgentFacts = {
    ready: false,
    readyReason: 'the agent has just started',
    config: { state: 'waiting', message: 'models.json has not been read yet', hash: null },
    modelServer: { state: 'unknown', since: now },
  };
  let factsSequence = 0;
  const models = new Map<string, Entry>();
  const removals = new Map<string, number>();
  let oldestRemoval = 0;
  const bell = newBell();

  const agent = (): Omit<AgentStatus, 'models'> => ({
    version: AGENT_STATUS_VERSION,
    instance,
    sequence,
    ready: facts.ready,
    readyReason: facts.readyReason,
    config: facts.config,
    modelServer: { state: facts.modelServer.state, since: iso(facts.modelServer.since) },
  });
  const document = (): AgentStatus => ({ ...agent(), models: [...models.values()].map(({ model }) => model) });
  const forgetOldRemovals = () => {
    for (const [name, at] of removals) {
      if (removals.size <= REMOVALS_KEPT) return;
      removals.delete(name);
      oldestRemoval = at;
    }
  };
  return {
    document,
    subscribe: bell.subscribe,
    model: (name) => models.get(name)?.model,
    put: (tracked) => {
      const model = statusOf(tracked);
      if (sameStatus(models.get(tracked.name)?.model, model)) return;
      removals.delete(tracked.name);
      models.delete(tracked.name);
      models.set(tracked.name, { sequence: ++sequence, model });
      bell.ring();
    },
    remove: (name) => {
      if (!models.delete(name)) return;
      removals.delete(name);
      removals.set(name, ++sequence);
      forgetOldRemovals();
      bell.ring();
    },
    setFacts: (change) => {
      const next = { ...facts, ...change };
      if (JSON.stringify(next) === JSON.stringify(facts)) return;
      facts = next;
      factsSequence = ++sequence;
      bell.ring();
    },
    since: (knownInstance, from) => {
      if (knownInstance !== instance || from > sequence || from < oldestRemoval) {
        return [{ type: 'SNAPSHOT', sequence, status: document() }];
      }
      const events: AgentStatusEvent[] = [];
      if (factsSequence > from) events.push({ type: 'AGENT', sequence: factsSequence, agent: agent() });
      for (const [name, at] of removals) if (at > from) events.push({ type: 'REMOVED', sequence: at, name });
      for (const { sequence: at, model } of models.values()) {
        if (at > from) events.push({ type: 'MODEL', sequence: at, model });
      }
      return events.sort((a, b) => a.sequence - b.sequence);
    },
  };
}

function newBell(): { ring(): void; subscribe(listener: () => void): () => void } {
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

function statusOf(tracked: Readonly<TrackedModel>): ModelStatus {
  const { name, phase, desired, attempts, times, since } = tracked;
  const failed = phase.phase === 'Failed' ? phase : undefined;
  return {
    name,
    phase: phase.phase,
    specHash: desired === undefined ? null : specHash(desired),
    servingSpecHash: servingHash(viewOf(tracked)),
    reason: failed?.reason ?? '',
    message: failed?.message ?? '',
    since: iso(since),
    attempts,
    retryAt: failed === undefined ? null : iso(failed.retryAt),
    bytes: phase.phase === 'Downloading' ? phase.bytes : tracked.bytes,
    times: { ...times },
  };
}

function sameStatus(a: ModelStatus | undefined, b: ModelStatus): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

function iso(time: EpochMs): string {
  return new Date(time).toISOString();
}
