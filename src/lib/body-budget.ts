import type { Clock } from './clock.ts';

/** The memory that all requests share. */
export interface BodyBudget {
  /** A place for one request, of 0 bytes. `lose` is called when it has to give its memory to others. */
  open(lose: () => void): BodyShare;
  /** Bytes that are held now. */
  held(): number;
}

export interface BodyShare {
  /**
   * Asks for this many bytes in all. Other bodies that are still being sent may lose theirs for it. False when there is no
   * room, or when this very body is the one to go.
   */
  grow(bytes: number): boolean;
  /** It has been received whole: it is not taken away any more, and counts until it is released. */
  complete(): void;
  /** Gives everything back. Calling it again does nothing. */
  release(): void;
}

interface Share {
  bytes: number;
  readonly since: number;
  sending: boolean;
  readonly lose: () => void;
}

/**
 * A budget of `limit` bytes. Where it does not suffice, those bodies lose that hold the most for the longest, bytes times
 * time: an API server's arrives in milliseconds, and one that is sent slowly has held its part for seconds.
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
      // A millisecond more, so that of two that began at once the larger one counts.
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
