import { isRecord } from '../../lib/json.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';

/**
 * Lists of a pod or container that are merged by entry, and the field that identifies entries (`patchMergeKey` in
 * k8s.io/api/core/v1). All other lists are replaced.
 */
const MERGE_KEYS: ReadonlyMap<string, string> = new Map([
  ['env', 'name'],
  ['imagePullSecrets', 'name'],
  ['ports', 'containerPort'],
  ['volumeDevices', 'devicePath'],
  ['volumeMounts', 'mountPath'],
  ['volumes', 'name'],
]);

/** Entries whose fields exclude each other: value or valueFrom, one volume source or another. They are replaced whole. */
const WHOLE_ENTRIES = new Set(['env', 'volumes']);

/** Fields of which an object may have one: a probe or lifecycle handler of another kind replaces it. */
const HANDLERS = ['exec', 'grpc', 'httpGet', 'sleep', 'tcpSocket'];
const WITH_HANDLER = new Set(['livenessProbe', 'postStart', 'preStop', 'readinessProbe', 'startupProbe']);

/**
 * Merges one part of a pod over another by Kubernetes' rules for strategic merge. Where these would combine fields that
 * exclude each other, which the API server would refuse, the upper part wins. Null counts as absent.
 */
export function mergeStrategically(base: JsonObject, over: JsonObject): JsonObject {
  const merged = new Map(Object.entries(base).filter(([, value]) => value !== null));
  for (const [field, value] of Object.entries(over)) {
    if (value === null) continue;
    merged.set(field, mergeField(field, merged.get(field), value));
  }
  return Object.fromEntries(merged);
}

function mergeField(field: string, base: JsonValue | undefined, over: JsonValue): JsonValue {
  if (isRecord(base) && isRecord(over)) {
    return mergeStrategically(WITH_HANDLER.has(field) ? withoutOtherHandler(base, over) : base, over);
  }
  const mergeKey = MERGE_KEYS.get(field);
  if (mergeKey === undefined || !Array.isArray(base) || !Array.isArray(over)) return over;
  return mergeLists(field, mergeKey, base, over);
}

function withoutOtherHandler(base: JsonObject, over: JsonObject): JsonObject {
  if (!HANDLERS.some((handler) => over[handler] != null)) return base;
  return Object.fromEntries(
    Object.entries(base).filter(([field]) => !HANDLERS.includes(field) || over[field] != null),
  );
}

/** In Kubernetes' order: the upper entries, then those of the base that the upper list does not have. */
function mergeLists(field: string, mergeKey: string, base: JsonValue[], over: JsonValue[]): JsonValue[] {
  const keyOf = (entry: JsonValue): JsonValue | undefined => (isRecord(entry) ? entry[mergeKey] : undefined);
  const merged = over.map((entry) => {
    const match = base.find(
      (candidate) => keyOf(candidate) !== undefined && keyOf(candidate) === keyOf(entry),
    );
    if (!isRecord(match) || !isRecord(entry) || WHOLE_ENTRIES.has(field)) return entry;
    return mergeStrategically(match, entry);
  });
  const spokenOf = new Set(over.map(keyOf));
  return [...merged, ...base.filter((entry) => keyOf(entry) === undefined || !spokenOf.has(keyOf(entry)))];
}
