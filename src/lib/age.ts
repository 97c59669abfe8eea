import type { EpochMs } from './clock.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How long ago an RFC 3339 time is, in two figures as in kubectl: `42s`, `5m10s`, `3h`, `12d`. `<unknown>` if the text
 * is not a time. Source of the steps: k8s.io/apimachinery, util/duration, HumanDuration.
 */
export function age(since: string | undefined, now: EpochMs): string {
  const then = Date.parse(since ?? '');
  if (Number.isNaN(then)) return '<unknown>';
  const span = Math.max(0, Math.floor((now - then) / 1000));
  if (span < 2 * MINUTE) return `${span}s`;
  if (span < 10 * MINUTE) return twoUnits(span, MINUTE, 'm', 1, 's');
  if (span < 3 * HOUR) return `${Math.floor(span / MINUTE)}m`;
  if (span < 8 * HOUR) return twoUnits(span, HOUR, 'h', MINUTE, 'm');
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)}h`;
  if (span < 8 * DAY) return twoUnits(span, DAY, 'd', HOUR, 'h');
  return `${Math.floor(span / DAY)}d`;
}

function twoUnits(span: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((span % large) / small);
  return `${Math.floor(span / large)}${largeName}${rest === 0 ? '' : `${rest}${smallName}`}`;
}
