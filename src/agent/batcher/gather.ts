import type { Clock, Milliseconds } from '../../lib/clock.ts';

/** A request to put into a batch. */
interface Member {
  readonly instances: readonly unknown[];
}

/** Why a batch was sent. */
type Departure = 'full' | 'late';

interface GatherDeps<T extends Member> {
  readonly maxBatchSize: number;
  readonly maxLatency: Milliseconds;
  readonly clock: Clock;
  readonly depart: (target: string, members: readonly T[], why: Departure) => void;
}

interface Gathering<T> {
  members: T[];
  size: number;
  readonly over: AbortController;
}

/**
 * Gathers requests into batches, one for each target at a time: a batch never mixes models. A batch is sent when it is
 * full, when the next request would make it more than full, or when its first request has waited long enough.
 */
export function createGather<T extends Member>({ maxBatchSize, maxLatency, clock, depart }: GatherDeps<T>) {
  const gathering = new Map<string, Gathering<T>>();
  const go = (target: string, batch: Gathering<T>, why: Departure): void => {
    if (gathering.get(target) !== batch) return;
    gathering.delete(target);
    batch.over.abort();
    if (batch.members.length > 0) depart(target, batch.members, why);
  };
  const begin = (target: string): Gathering<T> => {
    const batch: Gathering<T> = { members: [], size: 0, over: new AbortController() };
    gathering.set(target, batch);
    void clock.sleep(maxLatency, batch.over.signal).then(() => go(target, batch, 'late'));
    return batch;
  };
  return {
    /** Adds a request. Returns the function that removes it, as long as it was not sent. */
    add: (target: string, member: T): (() => void) => {
      const waiting = gathering.get(target);
      const size = member.instances.length;
      if (waiting !== undefined && waiting.size + size > maxBatchSize) go(target, waiting, 'full');
      const batch = gathering.get(target) ?? begin(target);
      batch.members.push(member);
      batch.size += size;
      if (batch.size >= maxBatchSize) go(target, batch, 'full');
      return () => {
        if (gathering.get(target) !== batch) return;
        batch.members = batch.members.filter((other) => other !== member);
        batch.size -= size;
        if (batch.members.length > 0) return;
        gathering.delete(target);
        batch.over.abort();
      };
    },
  };
}
