import type { Clock } from './clock.ts';

/** The memory that all requests share. */
export interface BodyBudget {
  /** Opens a share of 0 bytes for one request. `lose` is called when it must free its memory for others. */
  open(lose: () => void): BodyShare;
  /** Bytes held now. */
  held(): number;
}

export interface BodyShare {
  /**
   * Requests this many bytes in total. Other bodies that are still arriving may lose theirs for it. False when there is
   * no room, or when this body is the one to lose.
   */
  grow(bytes: number): boolean;
  /** The body has arrived in full: it can no longer be taken away, and counts until it is released. */
  complete(): void;
  /** Frees everything. A second call has no effect. */
  release(): void;
}

interface Share {
  bytes: number;
  readonly since: number;
  sending: boolean;
  readonly lose: () => void;
}

/**
 * A budget of `limit` bytes. When it is exceeded, the bodies with the highest cost lose, bytes times time: an API
 * server's body arrives in milliseconds, while one that is sent slowly has held its part for seconds.
 */
export function bodyBudget(limit: number, clock: Pick<Clock, 'monotonic'>): BodyBudget {
  const shares = new Set<Share>();
  let held = 0;

  function drop(share: Share): void {
    if (!shares.delete(share)) return;
    held -= share.bytes;
  }

  function costliest(now: number): Share | undefined {
    let [found, most]: [Share | undefined, number] = [undefined, -1];
    for (const share of shares) {
      // A millisecond is added so that of two that began at once the larger one has the higher cost.
      const cost = share.sending ? share.bytes * (now - share.since + 1) : -1;
      if (cost > most) [found, most] = [share, cost];
    }
    return found;
  }

  function makeRoom(bytes: number, asking: Share): boolean {
    const now = clock.monotonic();
    while (held + bytes - asking.bytes > limit) {
      const loser = costliest(now);
      if (loser === undefined || loser === asking) return false;
      drop(loser);
      loser.lose();
    }
    return true;
  }

  return {
    held: () => held,
    open: (lose) => {
      const share: Share = { bytes: 0, since: clock.monotonic(), sending: true, lose };
      shares.add(share);
      return {
        grow: (bytes) => {
          if (!shares.has(share) || !makeRoom(bytes, share)) return false;
          held += bytes - share.bytes;
          share.bytes = bytes;
          return true;
        },
        complete: () => {
          share.sending = false;
        },
        release: () => drop(share),
      };
    },
  };
}
