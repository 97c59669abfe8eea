/** Room for the reports of agents, divided among all of them. */
export interface AgentRoom {
  /**
   * Opens an empty share for one pod.
   * @param giveWay called when the share must end because it is the largest while room is short; may be called from
   * within `keep`
   */
  open(group: string, giveWay: () => void): RoomShare;
}

export interface RoomShare {
  /** The kept bytes grow or shrink by this. */
  keep(change: number): void;
  /** Nothing is kept any more. */
  close(): void;
}

const MIB = 1024 * 1024;
/** Some 190,000 states of models without messages in a namespace, and twice as many in total. */
const ROOM = { group: 48 * MIB, total: 96 * MIB };

interface Held {
  readonly group: string;
  readonly giveWay: () => void;
  bytes: number;
}

/**
 * Bounds the cached reports, per namespace and in total. The largest pod of the largest namespace makes room, so that
 * no tenant's pods depend on another tenant's.
 */
export function createAgentRoom(room: { readonly group: number; readonly total: number } = ROOM): AgentRoom {
  const groups = new Map<string, { bytes: number; readonly shares: Set<Held> }>();
  let total = 0;

  function change(share: Held, bytes: number): void {
    const group = groups.get(share.group);
    if (group === undefined || !group.shares.has(share)) return;
    share.bytes += bytes;
    group.bytes += bytes;
    total += bytes;
  }

  function close(share: Held): void {
    change(share, -share.bytes);
    const group = groups.get(share.group);
    group?.shares.delete(share);
    if (group?.shares.size === 0) groups.delete(share.group);
  }

  function end(share: Held | undefined): void {
    if (share === undefined) return;
    close(share);
    share.giveWay();
  }

  return {
    open(name, giveWay) {
      const group = groups.get(name) ?? { bytes: 0, shares: new Set<Held>() };
      groups.set(name, group);
      const share: Held = { group: name, giveWay, bytes: 0 };
      group.shares.add(share);
      return {
        keep(bytes) {
          change(share, bytes);
          while (bytes > 0 && (groups.get(name)?.bytes ?? 0) > room.group)
            end(largest(groups.get(name)?.shares));
          while (bytes > 0 && total > room.total) end(largest(largest(groups.values())?.shares));
        },
        close: () => close(share),
      };
    },
  };
}

function largest<T extends { readonly bytes: number }>(all: Iterable<T> = []): T | undefined {
  let found: T | undefined;
  for (const one of all) if (found === undefined || one.bytes > found.bytes) found = one;
  return found;
}
