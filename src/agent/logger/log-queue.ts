import type { Parcel } from './parcels.ts';

interface QueueLimits {
  readonly events: number;
  readonly bytes: number;
}

/** Records that wait or are being sent, and bodies that are still being copied: bounded together. */
export interface LogQueue {
  /** Asks for room for so many bytes; they are held until they are given back. */
  hold(bytes: number): boolean;
  give(bytes: number): void;
  /** Whether there is a place for one more record. */
  hasPlace(): boolean;
  /** Puts records at the end, whose bytes are held already; false when there are too many. */
  add(parcel: Parcel): boolean;
  /** The first one, which counts as here until it is `done`. */
  next(): Parcel | undefined;
  done(parcel: Parcel): void;
  /** Whether more than half of the room is taken: then what cannot be sent makes way. */
  isCrowded(): boolean;
  /** How many records are here, and how many bytes. */
  size(): { readonly events: number; readonly bytes: number };
}

export function createLogQueue(limits: QueueLimits): LogQueue {
  let bytes = 0;
  let events = 0;
  // What was taken from the front is cut off in one go: shifting an array moves all of it.
  let waiting: Parcel[] = [];
  let front = 0;
  return {
    hold: (more) => {
      if (bytes + more > limits.bytes) return false;
      bytes += more;
      return true;
    },
    give: (less) => {
      bytes -= less;
    },
    hasPlace: () => events < limits.events,
    add: (parcel) => {
      if (events + parcel.length > limits.events) return false;
      events += parcel.length;
      waiting.push(parcel);
      return true;
    },
    next: () => {
      const parcel = waiting[front];
      if (parcel === undefined) return undefined;
      front += 1;
      if (front >= 1_000 || front === waiting.length) {
        waiting = waiting.slice(front);
        front = 0;
      }
      return parcel;
    },
    done: (parcel) => {
      events -= parcel.length;
      for (const { body } of parcel) bytes -= body.length;
    },
    isCrowded: () => events > limits.events / 2 || bytes > limits.bytes / 2,
    size: () => ({ events, bytes }),
  };
}
