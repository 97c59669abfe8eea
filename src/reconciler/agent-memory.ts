import type { AgentLine } from '../core/agent-status-reading.ts';
import { readAgentLine, readAgentModel } from '../core/agent-status-reading.ts';
import type { Clock } from '../core/clock.ts';
import type { ReplicaModel } from '../core/replica-view.ts';
import { allowance, StreamFaultError } from './agent-lines.ts';
import type { AgentPiece } from './agent-lines.ts';
import type { AgentRoom, RoomShare } from './agent-room.ts';

export interface AgentMemoryOptions {
  readonly clock: Clock;
  /** Whether there is such a TrainedModel: nothing is kept of any other model. */
  readonly isModel: (name: string) => boolean;
  readonly room: AgentRoom;
  /** Whose share of the room this is: the pod's namespace. */
  readonly group: string;
  /** Told when all that was kept had to go to make room; may be called at any time. Must not throw. */
  readonly onGaveWay: () => void;
  /** Told of models that are different now; of all of them when undefined. Must not throw. */
  readonly onChange: (models: Iterable<string> | undefined) => void;
  /** Told of each model that is left out since no TrainedModel asks for it. */
  readonly onIgnored: () => void;
}

/** Where to go on after a break. */
export interface Place {
  readonly instance: string;
  readonly sequence: number;
}

/** What is kept of what one agent says. */
export interface AgentMemory {
  readonly models: ReadonlyMap<string, ReplicaModel>;
  readonly place: Place | undefined;
  /** Something was left out that could be asked for by now: only a snapshot brings it. */
  readonly incomplete: boolean;
  /** A connection begins; what did not come whole on the one before is let go. */
  begin(): void;
  /**
   * Takes one piece of the stream; whether it was a snapshot, of which the caller is to tell.
   *
   * @throws {StreamFaultError} for what is not as documented, and for a pod that speaks of too much that does not exist
   */
  take(piece: AgentPiece): boolean;
  forget(name: string): void;
  /** Lets go of where to go on: the next connection begins with a snapshot. */
  forgetPlace(): void;
  close(): void;
}

/** Why a pod that gave way is not heard. */
export const NO_ROOM = 'the pods of its namespace tell more than is kept, this one most';
/** Of one state: the entry of a map, an object, a hash; and two bytes for each character of its message. */
const BYTES_A_MODEL = 256;
/**
 * Models that do not exist: an honest agent may still have those that were just deleted, and one that is given models behind
 * the manager's back has others too.
 */
const INVENTED = { burst: 1_000, perSecond: 1 };

export function createAgentMemory(options: AgentMemoryOptions): AgentMemory {
  const { clock, isModel, room, group, onChange, onIgnored, onGaveWay } = options;
  let share: RoomShare | undefined;
  let models = new Map<string, ReplicaModel>();
  /** Of a snapshot whose line has not ended. */
  let coming = new Map<string, ReplicaModel>();
  let place: Place | undefined;
  let incomplete = false;
  let invented = inventions(clock);

  function gaveWay(): void {
    share = undefined;
    place = undefined;
    models = new Map();
    coming = new Map();
    onGaveWay();
  }

  function keep(into: States, name: string, model: ReplicaModel): void {
    put(share, into, name, model);
    if (share === undefined) throw new StreamFaultError(NO_ROOM);
  }

  /** What is on its way out may be gone from the cluster already. */
  function isWanted(name: string, { phase }: ReplicaModel): boolean {
    if (isModel(name)) return true;
    if (phase === 'Unloading') return false;
    incomplete = true;
    onIgnored();
    invented.take(1);
    return false;
  }

  function takeLine(line: AgentLine): boolean {
    if (line.kind === 'malformed') throw new StreamFaultError(line.detail);
    if (line.kind === 'snapshot') {
      empty(share, models);
      models = coming;
      coming = new Map();
      place = { instance: line.instance, sequence: line.sequence };
    } else if (line.kind === 'model' || line.kind === 'removed') {
      if (place !== undefined) place = { ...place, sequence: line.sequence };
      if (line.kind === 'model' && isWanted(line.name, line.model)) keep(models, line.name, line.model);
      else if (models.has(line.name)) drop(share, models, line.name);
      else return false;
      onChange([line.name]);
    }
    return line.kind === 'snapshot';
  }

  return {
    get models() {
      return models;
    },
    get place() {
      return place;
    },
    get incomplete() {
      return incomplete;
    },
    begin() {
      share ??= room.open(group, gaveWay);
      empty(share, coming);
      if (place === undefined) incomplete = false;
      invented = inventions(clock);
    },
    take({ kind, text }) {
      if (kind === 'line') {
        const isSnapshot = takeLine(readAgentLine(text));
        empty(share, coming);
        return isSnapshot;
      }
      const entry = readAgentModel(text);
      if (entry === undefined) throw new StreamFaultError('a model is not as documented');
      const [name, model] = entry;
      if (isWanted(name, model)) keep(coming, name, model);
      return false;
    },
    forget: (name) => drop(share, models, name),
    forgetPlace() {
      place = undefined;
    },
    close: () => share?.close(),
  };
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

function inventions(clock: Clock): { take(count: number): void } {
  const fault = `it tells of more than ${INVENTED.burst} models that no TrainedModel asks for`;
  return allowance(INVENTED, clock, fault);
}
