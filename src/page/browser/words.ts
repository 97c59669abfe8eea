import type { ModelState, ServiceRow, StateCounts } from '../page-documents.decide.ts';
import { MODEL_STATES } from '../page-documents.decide.ts';

/** How the states are called on the page. */
export const STATE_WORDS: Readonly<Record<ModelState, string>> = {
  Failed: 'failed',
  Unreachable: 'agent not reachable',
  Waiting: 'waiting',
  OnTheWay: 'on the way',
  Unknown: 'unknown',
  Loaded: 'loaded',
};

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in three figures: `512 MiB`, `1.46 GiB`. */
export function bytesText(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${Number(amount.toPrecision(amount >= 100 ? 4 : 3))} ${UNITS[unit] ?? ''}`;
}

/** `1,024 models`, `1 model`. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

export function totalOf(counts: StateCounts): number {
  return MODEL_STATES.reduce((sum, state) => sum + counts[state], 0);
}

/** `1 GiB of 2 GiB`. */
export function memoryText({ declared, limit }: ServiceRow['memory']): string {
  return limit === null
    ? `${bytesText(declared)}, no limit`
    : `${bytesText(declared)} of ${bytesText(limit)}`;
}

/** What is most in the way of an InferenceService and its models; empty when nothing is. */
export function troubleText(row: ServiceRow): string {
  const { lastError, models } = row;
  const failing = models.Failed + models.Unreachable;
  if (lastError !== null && failing > 0) return newestOf(lastError, failing);
  const trouble = serviceTrouble(row);
  if (trouble !== '') return trouble;
  if (lastError !== null) return newestOf(lastError, models.Waiting);
  return row.multiModel ? '' : 'serves a model of its own';
}

function newestOf(newest: NonNullable<ServiceRow['lastError']>, count: number): string {
  const others = count > 1 ? ` (and ${(count - 1).toLocaleString('en')} more)` : '';
  return `${newest.model}: ${newest.message}${others}`;
}

/** Why an InferenceService needs a look though none of its models says so; empty when it needs none. */
export function serviceTrouble({ exists, multiModel, ready, notReady, memory, models }: ServiceRow): string {
  if (!exists) return 'not there: its models wait for it';
  if (!multiModel) return totalOf(models) > 0 ? 'not multi-model: its models wait' : '';
  if (ready === 'False') return notReady === '' ? 'not ready' : `not ready: ${notReady}`;
  if (memory.limit !== null && memory.declared > memory.limit)
    return 'its models declare more memory than there is';
  return '';
}
