import type { TrackedModel } from '../engine/tracked-model.ts';
import type { Entry } from './entry.ts';
import { createLruList } from './lru-list.ts';
import type { ByteCount } from './residency.decide.ts';

/** The disk space that the files of all models take. */
export interface DiskLedger {
  setBudget(budget: ByteCount | undefined): void;
  /** Records what is known of a model's files, and whether it sleeps. */
  observe(entry: Entry, model: Readonly<TrackedModel>): void;
  forget(entry: Entry): void;
  used(): ByteCount;
  /** The removal of its files is decided. */
  leave(entry: Entry): void;
  planRoom(more: ByteCount): DiskPlan;
}

/**
 * `make`: it fits once the files of these, and those already leaving, are gone. `full`: nothing more can be removed.
 */
type DiskPlan =
  { readonly kind: 'fits' | 'full' } | { readonly kind: 'make'; readonly victims: readonly Entry[] };

export function createDiskLedger(): DiskLedger {
  let budget = Number.POSITIVE_INFINITY;
  let used = 0;
  /** Sleeping models with files on disk, in the order in which they fell asleep. */
  const sleeping = createLruList<Entry>();
  const leaving = new Set<Entry>();
  const charge = (entry: Entry, size: ByteCount): void => {
    used += size - entry.diskCharge;
    entry.diskCharge = size;
    if (size > 0) entry.bytesOnDisk = size;
  };
  return {
    setBudget: (next) => {
      budget = next ?? Number.POSITIVE_INFINITY;
    },
    used: () => used,
    forget: (entry) => {
      charge(entry, 0);
      sleeping.remove(entry);
      leaving.delete(entry);
    },
    leave: (entry) => {
      sleeping.remove(entry);
      leaving.add(entry);
    },
    observe: (entry, model) => {
      const files = model.stored !== undefined || model.staged !== undefined || model.previous !== undefined;
      charge(entry, files ? model.bytes : 0);
      if (!files || entry.residence !== 'away') leaving.delete(entry);
      const sleeps = files && model.parked && entry.residence === 'rest' && entry.waiters.size === 0;
      if (!sleeps) sleeping.remove(entry);
      else if (entry.list !== sleeping) sleeping.push(entry);
    },
    planRoom: (more) => {
      if (used + more <= budget) return { kind: 'fits' };
      let short = used + more - budget;
      for (const { diskCharge } of leaving) short -= diskCharge;
      const victims: Entry[] = [];
      for (const entry of sleeping.oldestFirst()) {
        if (short <= 0) break;
        victims.push(entry);
        short -= entry.diskCharge;
      }
      return short <= 0 || victims.length > 0 ? { kind: 'make', victims } : { kind: 'full' };
    },
  };
}
