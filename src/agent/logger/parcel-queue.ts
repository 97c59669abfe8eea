import type { Parcel } from './parcels.ts';

/** Parcels that wait or are being sent. Their number is limited elsewhere. */
export interface ParcelQueue {
  add(parcel: Parcel): void;
  /** The first one. It still counts until `done`. */
  next(): Parcel | undefined;
  done(parcel: Parcel): void;
  /** Whether more than half of the room is taken: then records that cannot be sent are dropped. */
  isCrowded(): boolean;
}

export function createParcelQueue(room: { readonly events: number; readonly bytes: number }): ParcelQueue {
  let bytes = 0;
  let events = 0;
  // Removes the consumed front at once: shifting an array moves all of it.
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
