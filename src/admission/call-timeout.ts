import { milliseconds, seconds, type Milliseconds } from '../lib/clock.ts';

/** The API server's default for a webhook that sets no timeoutSeconds. */
const DEFAULT_TIMEOUT = seconds(10);
/** The longest timeoutSeconds that a webhook may have. */
const MAX_TIMEOUT = seconds(30);
/** The margin for an answer at the deadline to arrive: a tenth of the timeout, at most half a second. */
const MARGIN_PART = 0.1;
const MAX_MARGIN = milliseconds(500);

const UNIT_MS = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]);

/**
 * The time that a handler has for a call to this URL. The API server sends its timeout as a Go duration,
 * `?timeout=10s`; an unreadable one counts as absent.
 */
export function handlerDeadline(url: string): Milliseconds {
  const query = url.indexOf('?');
  const sent = query < 0 ? null : new URLSearchParams(url.slice(query + 1)).get('timeout');
  const timeout = Math.min((sent === null ? undefined : goDuration(sent)) ?? DEFAULT_TIMEOUT, MAX_TIMEOUT);
  return milliseconds(timeout - Math.min(timeout * MARGIN_PART, MAX_MARGIN));
}

/** A Go duration in milliseconds; undefined for anything else and for zero. */
function goDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)) {
    total += Number(count) * (UNIT_MS.get(unit ?? '') ?? 0);
  }
  return total > 0 ? total : undefined;
}
