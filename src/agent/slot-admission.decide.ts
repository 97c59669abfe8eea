/** The state of the slots for one kind of work. Durations in milliseconds. */
export interface SlotLoad {
  readonly limit: number;
  /** How long each slot has been taken. */
  readonly takenFor: readonly number[];
  /** Work that takes longer is slow. */
  readonly slowAfter: number;
  /** How many extra ones were admitted beside slow work that still runs. */
  readonly extra: number;
  readonly sinceLastGrant: number;
}

interface SlotAdmission {
  /** 0: the next may begin. Else when to check again, if nothing ends before; Infinity: when something ends. */
  readonly wait: number;
  /** The value of `extra` once the next has begun. */
  readonly extra: number;
}

/** The first this many extra ones wait once `slowAfter`, the next this many twice, and so on. */
const OF_ONE_PATIENCE = 4;
/** However much hangs, the next begins after at most this many times `slowAfter`. */
const LONGEST_PATIENCE = 60;

/**
 * Whether the next piece of work may begin. Slow work frees its place, so that a few hanging ones do not hold up the
 * others. But if everything is slow, the server itself is slow, and more load makes it slower. So at most `limit`
 * places are freed, which allows twice as many at once. Further ones are admitted one by one, ever more slowly, and
 * never stop entirely: if 300 hang, 40 run at once after a minute and 100 after a quarter of an hour.
 */
export function admissionAfter({
  limit,
  takenFor,
  slowAfter,
  extra,
  sinceLastGrant,
}: SlotLoad): SlotAdmission {
  const slow = takenFor.filter((span) => span >= slowAfter).length;
  // When hanging work has ended, the next that hangs is waited for as long as the first.
  const still = slow <= limit ? 0 : Math.min(extra, slow - limit);
  const counted = takenFor.length - Math.min(slow, limit + still);
  if (counted < limit) return { wait: 0, extra: still };
  const untilSlow = slowAfter - Math.max(0, ...takenFor.filter((span) => span < slowAfter));
  if (slow < limit + still) return { wait: untilSlow, extra: still };
  const times = Math.min(1 + Math.floor(still / OF_ONE_PATIENCE), LONGEST_PATIENCE);
  const patience = slowAfter * times - sinceLastGrant;
  return patience <= 0 ? { wait: 0, extra: still + 1 } : { wait: patience, extra: still };
}
