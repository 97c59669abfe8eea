import type { Milliseconds } from '../../lib/clock.ts';

/** Milliseconds of each unit of Go's time.ParseDuration. */
const UNITS = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** A duration as Go writes it ("1h2m3.5s"). Undefined if it is not one. */
export function goDuration(text: string): Milliseconds | undefined {
  const isNegative = text.startsWith('-');
  const rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0 as Milliseconds;
  const parts = [...rest.matchAll(PART)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== rest) return undefined;
  let total = 0;
  for (const [, number, unit = ''] of parts) total += Number(number) * (UNITS.get(unit) ?? 0);
  return (isNegative ? -total : total) as Milliseconds;
}

/**
 * The values of a flag of the type that Go's pflag calls a string slice: one line of CSV each time it is given.
 * @returns undefined if a quoted value does not end
 */
export function goStringSlice(lines: readonly string[]): string[] | undefined {
  const values: string[] = [];
  for (const line of lines) {
    if (line === '') continue;
    const found = csvValues(line);
    if (found === undefined) return undefined;
    values.push(...found);
  }
  return values;
}

const VALUE = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy;

function csvValues(line: string): string[] | undefined {
  const values: string[] = [];
  let end = 0;
  for (const match of line.matchAll(VALUE)) {
    const [whole, quoted, plain = '', comma] = match;
    values.push(quoted?.replaceAll('""', '"') ?? plain);
    end = match.index + whole.length;
    if (comma === '') break;
  }
  return end === line.length && !line.endsWith(',')
    ? values
    : line.endsWith(',')
      ? withEmpty(line)
      : undefined;
}

/** A comma at the end is followed by an empty value. */
function withEmpty(line: string): string[] | undefined {
  const before = csvValues(line.slice(0, -1));
  return before === undefined ? undefined : [...before, ''];
}

/** JSON as Go's encoding/json writes it: characters with a meaning in HTML are escaped. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A header's name in Go's canonical form: "x-request-id" is "X-Request-Id". A name that is not a token is not changed.
 */
export function canonicalHeader(name: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return name;
  return name
    .toLowerCase()
    .replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}
