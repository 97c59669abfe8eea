import type {
  ModelState,
  Obstacle,
  Requests,
  Residency,
  ServiceRow,
  StateCounts,
} from '../page-documents.decide.ts';
import { MODEL_STATES } from '../page-documents.decide.ts';

/** The names of the states on the page. */
export const STATE_WORDS: Readonly<Record<ModelState, string>> = {
  Failed: 'failed',
  Unreachable: 'agent not reachable',
  Waiting: 'waiting',
  OnTheWay: 'on the way',
  Unknown: 'unknown',
  Standby: 'on standby',
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

/** How many lines of trouble one InferenceService shows. */
const OBSTACLES_SHOWN = 3;

/** The troubles of an InferenceService and its models, a line each, the worst first; empty when there are none. */
export function troubleLines(row: ServiceRow): string[] {
  const { obstacles, models } = row;
  const own = serviceTrouble(row);
  if (own !== '' && models.Failed + models.Unreachable === 0) return [own];
  if (obstacles.length === 0)
    return row.multiModel || totalOf(models) > 0 ? [] : ['serves a model of its own'];
  const rest = obstacles.slice(OBSTACLES_SHOWN).reduce((sum, { count }) => sum + count, 0);
  const more = rest > 0 ? [`and ${countText(rest, 'model')} more, for other reasons`] : [];
  return [...obstacles.slice(0, OBSTACLES_SHOWN).map(obstacleText), ...more];
}

function obstacleText({ model, message, count }: Obstacle): string {
  const others = count > 1 ? ` (and ${(count - 1).toLocaleString('en')} more)` : '';
  return `${model}: ${message}${others}`;
}

/** Why an InferenceService needs attention although none of its models reports trouble; empty when it needs none. */
export function serviceTrouble({ exists, multiModel, ready, notReady, memory, models }: ServiceRow): string {
  if (!exists) return 'not there: its models wait for it';
  if (!multiModel) return totalOf(models) > 0 ? 'not multi-model: its models wait' : '';
  if (ready === 'False') return notReady === '' ? 'not ready' : `not ready: ${notReady}`;
  if (memory.limit !== null && memory.declared > memory.limit)
    return 'its models declare more memory than there is';
  return '';
}

/** `1,024 requests, 3 failed; mean 4 ms, p99 12 ms`. */
export function requestsText({ requests, errors, meanMs, p99Ms }: Requests): string {
  if (requests === 0) return 'none yet';
  const failed = errors > 0 ? `, ${errors.toLocaleString('en')} failed` : '';
  const times = [
    ...(meanMs === null ? [] : [`mean ${timeText(meanMs)}`]),
    ...(p99Ms === null ? [] : [`p99 ${timeText(p99Ms)}`]),
  ];
  const count = `${countText(requests, 'request')}${failed}`;
  return times.length === 0 ? count : `${count}; ${times.join(', ')}`;
}

function timeText(ms: number): string {
  return ms < 1000 ? `${Number(ms.toPrecision(2))} ms` : `${Number((ms / 1000).toPrecision(2))} s`;
}

/** `12 MiB declared, 14 MiB measured, of 64 MiB`. */
export function residentText({ declared, measured, budget }: Residency): string {
  const amounts = [
    ...(declared === null ? [] : [`${bytesText(declared)} declared`]),
    ...(measured === null ? [] : [`${bytesText(measured)} measured`]),
  ];
  if (amounts.length === 0) return 'not known';
  return budget === null ? amounts.join(', ') : `${amounts.join(', ')}, of ${bytesText(budget)}`;
}

/** `98 % of 1,204 requests found their model in memory`. */
export function hitsText({ hits, misses }: Residency): string {
  const all = hits + misses;
  if (all === 0) return 'no request yet';
  // Rounded down: 100 means that no request waited.
  const share = Math.floor((hits / all) * 100);
  return `${share} % of ${countText(all, 'request')} found their model in memory`;
}
