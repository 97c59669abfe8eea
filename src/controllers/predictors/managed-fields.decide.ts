import { isRecord } from '../../lib/json.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';

/**
 * The owners of an object's fields: `metadata.managedFields` from the API server.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  /** A tree: `f:<field>`, `k:<keys of a list's entry>`, `v:<value of a set>`, and `.` for the node itself. */
  readonly fieldsV1?: JsonObject;
}

/** The subtree of an entry below these fields; undefined when the entry owns nothing there. */
export function ownedBelow({ fieldsV1 }: ManagedFields, ...path: readonly string[]): JsonObject | undefined {
  let node: JsonValue | undefined = fieldsV1;
  for (const field of path) node = isRecord(node) ? node[`f:${field}`] : undefined;
  return isRecord(node) ? node : undefined;
}

/**
 * Merges the desired values over those parts of a live value that an entry owns. Fields without an owner are defaults
 * of the API server and are left out. In lists whose entries have keys, an entry of another owner stays unless a
 * desired one has its name: the API server refuses two of one name.
 */
export function overOwned(
  wanted: JsonValue | undefined,
  live: JsonValue | undefined,
  owned: JsonObject,
): JsonValue | undefined {
  const children = Object.entries(owned).filter(([key]) => key !== '.');
  if (live === undefined || (wanted !== undefined && typeof wanted !== typeof live)) return wanted;
  if (children.length === 0) return wanted ?? ('.' in owned ? shellOf(live) : live);
  if (Array.isArray(live)) return listOverOwned(Array.isArray(wanted) ? wanted : [], live, children);
  if (!isRecord(live)) return wanted ?? live;
  const merged = new Map(isRecord(wanted) ? Object.entries(wanted) : []);
  for (const [key, below] of children) {
    const field = key.slice('f:'.length);
    const value = overOwned(merged.get(field), live[field], isRecord(below) ? below : {});
    if (value !== undefined) merged.set(field, value);
  }
  return Object.fromEntries(merged);
}

function listOverOwned(
  wanted: readonly JsonValue[],
  live: readonly JsonValue[],
  children: readonly [string, JsonValue][],
): JsonValue[] {
  const merged = [...wanted];
  for (const [key, below] of children) {
    const keys = keysIn(key);
    if (keys === undefined) {
      const value = key.startsWith('v:') ? (JSON.parse(key.slice('v:'.length)) as JsonValue) : undefined;
      if (value !== undefined && !merged.includes(value)) merged.push(value);
      continue;
    }
    const theirs = live.find((entry) => hasKeys(entry, keys));
    const place = merged.findIndex((entry) => hasKeys(entry, keys));
    const value = overOwned(merged[place], theirs, isRecord(below) ? below : {});
    if (place >= 0) merged[place] = value ?? merged[place] ?? null;
    else if (isRecord(value) && !isNamedIn(merged, theirs)) merged.push({ ...value, ...keys });
  }
  return merged;
}

function keysIn(key: string): JsonObject | undefined {
  const keys: unknown = key.startsWith('k:') ? JSON.parse(key.slice('k:'.length)) : undefined;
  return isRecord(keys) ? (keys as JsonObject) : undefined;
}

/** `protocol` is the one key with a default (`+default="TCP"`, core/v1). */
function hasKeys(entry: JsonValue, keys: JsonObject): boolean {
  if (!isRecord(entry)) return false;
  return Object.entries(keys).every(
    ([key, value]) => (entry[key] ?? (key === 'protocol' ? 'TCP' : undefined)) === value,
  );
}

function isNamedIn(entries: readonly JsonValue[], other: JsonValue | undefined): boolean {
  const name = isRecord(other) ? other['name'] : undefined;
  return name !== undefined && entries.some((entry) => isRecord(entry) && entry['name'] === name);
}

function shellOf(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return [];
  return isRecord(value) ? {} : value;
}
