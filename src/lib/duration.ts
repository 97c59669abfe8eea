import { milliseconds } from './clock.ts';
import type { Milliseconds } from './clock.ts';

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
const PART = /(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)/y;

/** Parses a duration as Go and kubectl write it: `90s`, `2m`, `1m30s`, `500ms`. Undefined for anything else. */
export function parseDuration(text: string): Milliseconds | undefined {
  let total = 0;
  let at = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) return undefined;
    total += Number(match[1]) * (UNITS.get(match[2] ?? '') ?? 0);
    at = PART.lastIndex;
  }
  return text === '' ? undefined : milliseconds(total);
}
