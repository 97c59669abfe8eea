import { isDeepStrictEqual } from 'node:util';
import { isRecord, recordsIn } from '../lib/json.ts';
import type { KubernetesObject, ObjectKey, ObjectMeta } from './kubernetes.ts';
import type { JsonObject } from '../lib/json.ts';
import { objectKey } from './kubernetes.ts';
import {
  AGENT_PORT,
  AGENT_PORT_NAME,
  CONTAINERS,
  DEFAULT_STATUS_PORT,
  INFERENCE_SERVICE_LABEL,
  MODEL_CONFIG_VERSION,
} from './names.ts';

/** What the manager caches of an InferenceService's pod: a few hundred bytes instead of ten thousand. */
export interface WatchedPod extends KubernetesObject {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion' | 'deletionTimestamp'>;
  /** The value of its label; the InferenceService is in the pod's own namespace. */
  readonly inferenceService: string | undefined;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string | undefined;
  /** False until it has a node; no volume is mounted before that. */
  readonly scheduled: boolean;
  readonly ready: boolean;
  readonly podIP: string | undefined;
  /** The mounted ConfigMaps with models of its InferenceService, by name. */
  readonly configMaps: readonly string[];
  /** The value of our annotation {@link MODEL_CONFIG_VERSION}. */
  readonly modelConfigVersion: string | undefined;
  /** The port of its agent's status endpoint; undefined for a pod without an agent. */
  readonly agentStatusPort: number | undefined;
  /** The port on which its agent proxies requests to the model server. */
  readonly agentPort: number;
}

/** Longer than any valid name, address or phase. A tenant may write longer ones. */
const LONGEST_TEXT = 253;
/** KServe mounts one. */
const MOST_CONFIG_MAPS = 16;

/** Extracts the cached fields from a pod of the API server. Never throws: invalid fields are left out. */
export function watchedPod(raw: KubernetesObject): WatchedPod {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, labels, annotations } = raw.metadata;
  const spec = recordIn(raw, 'spec');
  const status = recordIn(raw, 'status');
  const agent = agentContainerIn(spec);
  const inferenceService = labels?.[INFERENCE_SERVICE_LABEL];
  const version = annotations?.[MODEL_CONFIG_VERSION];
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    inferenceService,
    phase: textIn(status, 'phase'),
    scheduled: textIn(spec, 'nodeName') !== undefined,
    ready: recordsIn(status?.['conditions']).some(
      ({ type, status: held }) => type === 'Ready' && held === 'True',
    ),
    podIP: textIn(status, 'podIP'),
    configMaps: recordsIn(spec?.['volumes'])
      .flatMap((volume) => textIn(recordIn(volume, 'configMap'), 'name') ?? [])
      .filter((name) => name.startsWith(modelConfigPrefix(inferenceService)))
      .slice(0, MOST_CONFIG_MAPS),
    modelConfigVersion: version !== undefined && version.length <= LONGEST_TEXT ? version : undefined,
    agentStatusPort: statusPortOf(agent),
    agentPort: agentPortOf(agent),
  };
}

/** The InferenceService that the pod belongs to, as a reconcile key; undefined when its label is missing or empty. */
export function keyOfWatchedPod({ inferenceService, metadata }: WatchedPod): ObjectKey | undefined {
  return inferenceService ? objectKey(metadata.namespace ?? '', inferenceService) : undefined;
}

/** Whether its containers have ended, or are about to: changes to it have no effect. */
export function isFinished({ phase, metadata }: WatchedPod): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || metadata.deletionTimestamp !== undefined;
}

/** Whether its containers may have started. Before that it has no address, and the API server proxies nothing to it. */
export function hasStarted({ podIP }: WatchedPod): boolean {
  return podIP !== undefined;
}

/**
 * The address of the agent's status endpoint, for example `10.0.0.7:9082`. Undefined before the pod has an address, or
 * if it has no agent.
 */
export function agentStatusAddress(pod: WatchedPod): string | undefined {
  if (pod.podIP === undefined || pod.agentStatusPort === undefined) return undefined;
  return `${urlHostOf(pod)}:${pod.agentStatusPort}`;
}

/** Its address in the form used in URLs. */
export function urlHostOf({ podIP = '' }: WatchedPod): string {
  return podIP.includes(':') ? `[${podIP}]` : podIP;
}

/** Whether the pod has an agent that serves, or will serve, models. */
export function servesModels(pod: WatchedPod): boolean {
  return pod.agentStatusPort !== undefined && !isFinished(pod) && pod.configMaps.length > 0;
}

/**
 * Whether two versions of a pod are equal in everything that its agent's models depend on. Kubelet updates pods, and we
 * annotate them, far more often than that changes.
 */
export function isSameReplica(a: WatchedPod, b: WatchedPod): boolean {
  return isDeepStrictEqual(replicaOf(a), replicaOf(b));
}

function replicaOf({ modelConfigVersion: _seen, metadata, ...rest }: WatchedPod): object {
  const { resourceVersion: _version, ...identity } = metadata;
  return { ...rest, ...identity };
}

/** `--status-port N` or `--status-port=N`, of our own agent; its default unless set. */
export function statusPortOf(agent: Readonly<Record<string, unknown>> | undefined): number | undefined {
  if (agent === undefined) return undefined;
  const args: unknown[] = Array.isArray(agent['args']) ? agent['args'] : [];
  for (const [index, arg] of args.entries()) {
    if (arg === STATUS_PORT_FLAG) return portOf(args[index + 1]);
    if (typeof arg === 'string' && arg.startsWith(`${STATUS_PORT_FLAG}=`)) {
      return portOf(arg.slice(STATUS_PORT_FLAG.length + 1));
    }
  }
  return DEFAULT_STATUS_PORT;
}

/** The agent container's port of the name that the webhook gives it. */
function agentPortOf(agent: JsonObject | undefined): number {
  const port = recordsIn(agent?.['ports']).find(({ name }) => name === AGENT_PORT_NAME);
  return portOf(port?.['containerPort']) ?? AGENT_PORT;
}

function modelConfigPrefix(inferenceService = ''): string {
  return `modelconfig-${inferenceService}-`;
}

const STATUS_PORT_FLAG = '--status-port';

function portOf(text: unknown): number | undefined {
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined;
}

function recordIn(parent: object | undefined, field: string): Record<string, unknown> | undefined {
  const value: unknown = (parent as Record<string, unknown> | undefined)?.[field];
  return isRecord(value) ? value : undefined;
}

function textIn(parent: Record<string, unknown> | undefined, field: string): string | undefined {
  const value = parent?.[field];
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT ? value : undefined;
}

/** The agent's container in the spec of a pod from the API server. */
export function agentContainerIn(
  spec: Readonly<Record<string, unknown>> | undefined,
): JsonObject | undefined {
  return recordsIn(spec?.['containers']).find(({ name }) => name === CONTAINERS.agent);
}
