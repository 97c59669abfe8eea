/** Any value that JSON can hold. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = Record<string, JsonValue>;

/** Whether untrusted JSON is an object. Its fields may still hold anything. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of untrusted data that should be an object. Empty if it is not one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

/** The objects in a list of untrusted JSON. Empty if it is not a list. */
export function recordsIn(value: unknown): JsonObject[] {
  return Array.isArray(value) ? (value.filter(isRecord) as JsonObject[]) : [];
}

/** Labels or annotations of untrusted JSON. Entries that are not text are omitted. */
export function textMapIn(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}

/** Whether objects and lists are nested more than this many levels deep. Does not recurse deeper itself. */
export function nestsDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => nestsDeeper(inner, levels - 1));
}

/**
 * Whether the names and texts of a JSON value have more than this many characters together, or it is nested more than a
 * hundred times. Examines no more than that.
 */
export function isLongJson(value: unknown, most: number): boolean {
  let left = most;
  const spend = (inner: unknown, levels: number): boolean => {
    if (typeof inner === 'string') left -= inner.length;
    else if (typeof inner === 'object' && inner !== null) {
      if (levels === 0) return false;
      for (const [name, each] of Object.entries(inner)) {
        left -= name.length;
        if (!spend(each, levels - 1)) return false;
      }
    }
    return left >= 0;
  };
  return !spend(value, 100);
}

const MAX_QUOTED = 80;

/** A user's value for a message. It is cut before it is serialized, because it may be as long as a review. */
export function quoted(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  const text = typeof value === 'string' ? value.slice(0, MAX_QUOTED).toWellFormed() : value;
  const written = JSON.stringify(text);
  return written.length <= MAX_QUOTED ? written : `${written.slice(0, MAX_QUOTED)}…`;
}
