import type { Parcel } from './parcels.ts';

/** Parcels that wait, or are being sent. How many there may be is decided before they come here. */
export interface ParcelQueue {
  add(parcel: Parcel): void;
  /** The first one, which counts as here until it is `done`. */
  next(): Parcel | undefined;
  done(parcel: Parcel): void;
  /** Whether more than half of the room is taken: then what cannot be sent makes way. */
  isCrowded(): boolean;
}

export function createParcelQueue(room: { readonly events: number; readonly bytes: number }): ParcelQueue {
  let bytes = 0;
  let events = 0;
  // What was taken from the front is cut off in one go: shifting an array moves all of it.
  let waiting: Parcel[] = [];
  let front = 0;
  return {
    add: (parcel) => {
      events += parcel.length;
      bytes += bytesOf(parcel);
      waiting.push(parcel);
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
      bytes -= bytesOf(parcel);
    },
    isCrowded: () => events > room.events / 2 || bytes > room.bytes / 2,
  };
}

export function bytesOf(parcel: Parcel): number {
  return parcel.reduce((sum, { body }) => sum + body.length, 0);
}
