import type { AgentLine } from './agent-status-reading.decide.ts';
import { readAgentLine, readAgentModel } from './agent-status-reading.decide.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ReplicaModel } from '../../contract/model-loaded.ts';
import { allowance, StreamFaultError } from './agent-lines.ts';
import type { AgentPiece } from './agent-lines.ts';
import type { AgentRoom, RoomShare } from './agent-room.ts';

export interface AgentMemoryOptions {
  readonly clock: Clock;
  /** Whether this TrainedModel exists: no state is kept of any other model. */
  readonly isModel: (name: string) => boolean;
  readonly room: AgentRoom;
  /** The group that this pod's room is counted in: its namespace. */
  readonly group: string;
  /** Called when all state had to be dropped to make room; may be called at any time. Must not throw. */
  readonly onGaveWay: () => void;
  /** Called with models that have changed; undefined means all of them. Must not throw. */
  readonly onChange: (models: Iterable<string> | undefined) => void;
  /** How many other pods of the same InferenceService send invalid reports. */
  readonly faultyPods: () => number;
  /** Called with each model that is left out because no TrainedModel asks for it. */
  readonly onIgnored: () => void;
}

/** Where to resume after a break. */
export interface Place {
  readonly instance: string;
  readonly sequence: number;
}

/** The cached reports of one agent. */
export interface AgentMemory {
  readonly models: ReadonlyMap<string, ReplicaModel>;
  readonly place: Place | undefined;
  /** Something was left out that may be needed by now: only a snapshot brings it. */
  readonly incomplete: boolean;
  /** A connection begins. Unfinished input of the previous one is dropped. */
  begin(): void;
  /**
   * Processes one piece of the stream. Returns true for a snapshot, which the caller must report.
   * @throws {StreamFaultError} for undocumented input, and for a pod that reports too many models that do not exist
   */
  take(piece: AgentPiece): boolean;
  forget(name: string): void;
  /** Drops the place to resume: the next connection begins with a snapshot. */
  forgetPlace(): void;
  close(): void;
}

/** Why a pod that made room is silent. */
export const NO_ROOM = 'the pods of its namespace report more than is kept, this one most';
/** The cost of one state: a map entry, an object, a hash; plus two bytes for each character of its message. */
const BYTES_A_MODEL = 256;
/**
 * Models that do not exist. An honest agent may still have some that were just deleted, or that were given to it
 * without the manager. If other pods of the InferenceService have already reported too many, fewer are allowed.
 */
const INVENTED = { burst: 1_000, least: 50, perSecond: 1 };

/** The mutable state. */
interface Kept {
  share: RoomShare | undefined;
  models: States;
  /** Of a snapshot whose line has not ended. */
  coming: States;
  place: Place | undefined;
  incomplete: boolean;
  invented: ReturnType<typeof inventions>;
}

export function createAgentMemory(options: AgentMemoryOptions): AgentMemory {
  const { room, group, onGaveWay } = options;
  const kept: Kept = {
    ...{ share: undefined, models: new Map(), coming: new Map(), place: undefined },
    ...{ incomplete: false, invented: inventions(options) },
  };

  function gaveWay(): void {
    Object.assign(kept, { share: undefined, place: undefined, models: new Map(), coming: new Map() });
    onGaveWay();
  }

  return {
    get models() {
      return kept.models;
    },
    get place() {
      return kept.place;
    },
    get incomplete() {
      return kept.incomplete;
    },
    begin() {
      kept.share ??= room.open(group, gaveWay);
      empty(kept.share, kept.coming);
      if (kept.place === undefined) kept.incomplete = false;
      kept.invented = inventions(options);
    },
    take({ kind, text }) {
      if (kind === 'line') {
        const isSnapshot = takeLine(options, kept, readAgentLine(text));
        empty(kept.share, kept.coming);
        return isSnapshot;
      }
      const entry = readAgentModel(text);
      if (entry === undefined) throw new StreamFaultError('a model is not as documented');
      const [name, model] = entry;
      if (isWanted(options, kept, name, model)) keep(kept, kept.coming, name, model);
      return false;
    },
    forget: (name) => drop(kept.share, kept.models, name),
    forgetPlace() {
      kept.place = undefined;
    },
    close: () => kept.share?.close(),
  };
}

function takeLine(options: AgentMemoryOptions, kept: Kept, line: AgentLine): boolean {
  if (line.kind === 'malformed') throw new StreamFaultError(line.detail);
  if (line.kind === 'snapshot') {
    empty(kept.share, kept.models);
    kept.models = kept.coming;
    kept.coming = new Map();
    kept.place = { instance: line.instance, sequence: line.sequence };
  } else if (line.kind === 'model' || line.kind === 'removed') {
    if (kept.place !== undefined) kept.place = { ...kept.place, sequence: line.sequence };
    if (line.kind === 'model' && isWanted(options, kept, line.name, line.model)) {
      keep(kept, kept.models, line.name, line.model);
    } else if (kept.models.has(line.name)) drop(kept.share, kept.models, line.name);
    else return false;
    options.onChange([line.name]);
  }
  return line.kind === 'snapshot';
}

/** A model that is being removed may already be gone from the cluster. */
function isWanted(
  { isModel, onIgnored }: AgentMemoryOptions,
  kept: Kept,
  name: string,
  { phase }: ReplicaModel,
): boolean {
  if (isModel(name)) return true;
  if (phase === 'Unloading') return false;
  kept.incomplete = true;
  onIgnored();
  kept.invented.take(1);
  return false;
}

/** Keeping it may drop all state of this very pod. */
function keep(kept: Kept, into: States, name: string, model: ReplicaModel): void {
  put(kept.share, into, name, model);
  if (kept.share === undefined) throw new StreamFaultError(NO_ROOM);
}

type States = Map<string, ReplicaModel>;

function put(share: RoomShare | undefined, into: States, name: string, model: ReplicaModel): void {
  drop(share, into, name);
  into.set(name, model);
  share?.keep(sizeOf(model));
}

function drop(share: RoomShare | undefined, from: States, name: string): void {
  const model = from.get(name);
  if (model === undefined) return;
  from.delete(name);
  share?.keep(-sizeOf(model));
}

function empty(share: RoomShare | undefined, map: States): void {
  for (const name of [...map.keys()]) drop(share, map, name);
}

function sizeOf({ message }: ReplicaModel): number {
  return BYTES_A_MODEL + 2 * message.length;
}

function inventions({ clock, faultyPods }: AgentMemoryOptions): { take(count: number): void } {
  const burst = Math.max(INVENTED.least, Math.floor(INVENTED.burst / (1 + faultyPods())));
  const fault = `it reports more than ${burst} models without a TrainedModel`;
  return allowance({ burst, perSecond: INVENTED.perSecond }, clock, fault);
}
