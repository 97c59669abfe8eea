import { isRecord } from '../../lib/json.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';

/**
 * A pod's spec without repeated entries, for those lists in which Kubernetes allows a pod to repeat one: server-side
 * apply identifies entries by their keys, and refuses a list that repeats a key (`listMapKey` of k8s.io/api/core/v1).
 * KServe does not use server-side apply, and accepts such lists. The effect on the pod stays the same.
 */
export function withoutRepeatedEntries(podSpec: JsonObject): JsonObject {
  const { containers, initContainers, imagePullSecrets, hostAliases } = podSpec;
  return {
    ...podSpec,
    ...mapped('containers', containers, ofContainer),
    ...mapped('initContainers', initContainers, ofContainer),
    ...(Array.isArray(imagePullSecrets) && { imagePullSecrets: once(imagePullSecrets, 'name', firstOf) }),
    ...(Array.isArray(hostAliases) && { hostAliases: once(hostAliases, 'ip', withAllHostNames) }),
  };
}

function mapped(
  field: string,
  list: JsonValue | undefined,
  change: (entry: JsonObject) => JsonObject,
): JsonObject {
  return Array.isArray(list)
    ? { [field]: list.map((entry) => (isRecord(entry) ? change(entry) : entry)) }
    : {};
}

function ofContainer(container: JsonObject): JsonObject {
  const { env, ports } = container;
  return {
    ...container,
    // The last one counts: kubelet builds a map from them in order (`makeEnvironmentVariables`).
    ...(Array.isArray(env) && { env: once(env, 'name', lastOf) }),
    ...(Array.isArray(ports) && { ports: samePortOnce(ports) }),
  };
}

type Combine = (entry: JsonObject, again: JsonObject) => JsonObject;

const firstOf: Combine = (entry) => entry;
const lastOf: Combine = (_, again) => again;
/** Every line of the hosts file counts. */
const withAllHostNames: Combine = (entry, again) => {
  const names = [entry, again].flatMap(({ hostnames }) => (Array.isArray(hostnames) ? hostnames : []));
  return { ...entry, hostnames: [...new Set(names)] };
};

/**
 * Each key once, at its first place. Entries without the key, and malformed ones, are left for the API server to
 * refuse.
 */
function once(list: readonly JsonValue[], key: string, combine: Combine): JsonValue[] {
  const places = new Map<string, number>();
  const kept: JsonValue[] = [];
  for (const entry of list) {
    const name = isRecord(entry) ? entry[key] : undefined;
    const place = typeof name === 'string' ? places.get(name) : undefined;
    const before = place === undefined ? undefined : kept[place];
    if (place !== undefined && isRecord(before) && isRecord(entry)) {
      kept[place] = combine(before, entry);
      continue;
    }
    if (typeof name === 'string') places.set(name, kept.length);
    kept.push(entry);
  }
  return kept;
}

/**
 * Two ports of one number with different names are two requests, and neither may be dropped: the API server refuses
 * them.
 */
function samePortOnce(ports: readonly JsonValue[]): JsonValue[] {
  const seen = new Set<string>();
  return ports.filter((port) => {
    if (!isRecord(port)) return true;
    const { name = '', containerPort = null, protocol = 'TCP', hostPort = null, hostIP = '' } = port;
    const text = JSON.stringify([name, containerPort, protocol, hostPort, hostIP]);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
