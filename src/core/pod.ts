import { isRecord } from './json.ts';
import type { ObjectMeta } from './kubernetes.ts';

/** A pod as raw JSON: the fields that injection reads or writes are typed, all others are carried along untouched. */
export interface Pod {
  apiVersion?: string;
  kind?: string;
  metadata: Omit<ObjectMeta, 'name' | 'annotations'> & {
    name?: string;
    annotations?: Record<string, string>;
  };
  spec: PodSpec;
  [field: string]: unknown;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  serviceAccountName?: string;
  /** What all containers have together (PodLevelResources); quantities by resource. */
  resources?: {
    limits?: Record<string, unknown>;
    requests?: Record<string, unknown>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface Container {
  name: string;
  image?: string;
  args?: string[];
  env?: EnvVar[];
  ports?: ContainerPort[];
  volumeMounts?: VolumeMount[];
  readinessProbe?: Probe;
  securityContext?: Record<string, unknown>;
  resources?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string }; [source: string]: unknown };
}

export interface ContainerPort {
  name?: string;
  containerPort: number;
  protocol?: string;
  [field: string]: unknown;
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  [field: string]: unknown;
}

export interface Volume {
  name: string;
  configMap?: { name?: string; [field: string]: unknown };
  emptyDir?: Record<string, unknown>;
  secret?: { secretName?: string; [field: string]: unknown };
  [source: string]: unknown;
}

/** Order of fields and values are the API server's; the agent reads it back from an environment variable. */
export interface Probe {
  httpGet?: { path?: string; port?: unknown; [field: string]: unknown };
  tcpSocket?: { port?: unknown; [field: string]: unknown };
  [field: string]: unknown;
}

/**
 * Whether a piece of untrusted JSON is enough of a pod to decide upon. The API server has validated nothing yet when
 * a mutating webhook is called, so the shape is checked where it is used.
 */
export function isPod(value: unknown): value is Pod {
  if (!isRecord(value) || !isRecord(value['metadata']) || !isRecord(value['spec'])) return false;
  const { containers, initContainers, volumes, resources } = value['spec'];
  const { labels, annotations } = value['metadata'];
  return (
    isListOf(containers, isContainer) &&
    containers.length > 0 &&
    (initContainers == null || isListOf(initContainers, isContainer)) &&
    (volumes == null || isListOf(volumes, isNamed)) &&
    (resources == null || isResources(resources)) &&
    (labels == null || isTextMap(labels)) &&
    (annotations == null || isTextMap(annotations))
  );
}

function isResources(value: unknown): boolean {
  const isAmounts = (amounts: unknown): boolean => amounts == null || isRecord(amounts);
  return isRecord(value) && isAmounts(value['limits']) && isAmounts(value['requests']);
}

function isContainer(value: unknown): boolean {
  return (
    isNamed(value) &&
    (value['args'] == null || isListOf(value['args'], (arg) => typeof arg === 'string')) &&
    (value['env'] == null || isListOf(value['env'], isNamed)) &&
    (value['ports'] == null || isListOf(value['ports'], isRecord)) &&
    (value['volumeMounts'] == null || isListOf(value['volumeMounts'], isMount)) &&
    (value['readinessProbe'] == null || isRecord(value['readinessProbe'])) &&
    (value['securityContext'] == null || isRecord(value['securityContext']))
  );
}

function isNamed(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && typeof value['name'] === 'string';
}

function isMount(value: unknown): boolean {
  return isNamed(value) && typeof value['mountPath'] === 'string';
}

function isTextMap(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((entry) => typeof entry === 'string');
}

function isListOf(value: unknown, holds: (element: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(holds);
}
