/** How the slots for one kind of work stand. Spans in milliseconds. */
export interface SlotLoad {
  readonly limit: number;
  /** For how long each that is taken has been. */
  readonly takenFor: readonly number[];
  /** Work that takes longer is slow. */
  readonly slowAfter: number;
  /** How many came in by patience alone, beside slow work that goes on still. */
  readonly extra: number;
  readonly sinceLastGrant: number;
}

interface SlotAdmission {
  /** 0: the next may begin. Else when to look again, if nothing ends before; Infinity: when something ends. */
  readonly wait: number;
  /** What `extra` is once the next has begun. */
  readonly extra: number;
}

/** The first so many that come in by patience wait once `slowAfter`, the next so many twice, and so on. */
const OF_ONE_PATIENCE = 4;
/** However much hangs, the next begins after so many times `slowAfter`. */
const LONGEST_PATIENCE = 60;

/**
 * Whether the next piece of work may begin. Slow work gives its place to the next, so that a few that hang do not hold up the others.
 * But where nothing is quick, a server is just slow, and more at once make it slower: so no more than `limit` give theirs,
 * twice as many at once then, and those beyond that come one by one, ever more slowly. There is no number at which it
 * comes to a standstill: of 300 that hang, 40 run at once after a minute and 100 after a quarter of an hour.
 */
export function admissionAfter({
  limit,
  takenFor,
  slowAfter,
  extra,
  sinceLastGrant,
}: SlotLoad): SlotAdmission {
  const slow = takenFor.filter((span) => span >= slowAfter).length;
  // Where those that hung have ended, the next that hang are met with the same patience as they were.
  const still = slow <= limit ? 0 : Math.min(extra, slow - limit);
  const counted = takenFor.length - Math.min(slow, limit + still);
  if (counted < limit) return { wait: 0, extra: still };
  const untilSlow = slowAfter - Math.max(0, ...takenFor.filter((span) => span < slowAfter));
  if (slow < limit + still) return { wait: untilSlow, extra: still };
  const times = Math.min(1 + Math.floor(still / OF_ONE_PATIENCE), LONGEST_PATIENCE);
  const patience = slowAfter * times - sinceLastGrant;
  return patience <= 0 ? { wait: 0, extra: still + 1 } : { wait: patience, extra: still };
}
