interface RoomLimits {
  readonly events: number;
  readonly bytes: number;
}

/** The amount of data to log. */
interface RoomSize {
  readonly events: number;
  readonly bytes: number;
}

/** Limits what is on its way to the sink: records, and bodies that are still being copied. */
export interface LogRoom {
  /** Reserves room for this many bytes, until they are released. */
  hold(bytes: number): boolean;
  give(bytes: number): void;
  /** Whether there is a place for one more record. */
  hasPlace(): boolean;
  /** Takes a place for a record, whose bytes are reserved already. False if there is none. */
  enter(): boolean;
  /** Records have left, with their bytes. */
  left(gone: RoomSize): void;
  size(): RoomSize;
}

export function createRoom(limits: RoomLimits): LogRoom {
  let bytes = 0;
  let events = 0;
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
    enter: () => {
      if (events >= limits.events) return false;
      events += 1;
      return true;
    },
    left: (gone) => {
      events -= gone.events;
      bytes -= gone.bytes;
    },
    size: () => ({ events, bytes }),
  };
}
