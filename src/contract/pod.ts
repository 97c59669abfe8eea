import { isRecord } from '../lib/json.ts';
import type { ObjectMeta } from './kubernetes.ts';

/** A pod as raw JSON. Fields that injection reads or writes are typed; all others are passed through unchanged. */
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

interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  serviceAccountName?: string;
  /** Shared by all containers (PodLevelResources); quantities by resource. */
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
  lifecycle?: { preStop?: Record<string, unknown>; [field: string]: unknown };
  securityContext?: Record<string, unknown>;
  resources?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean }; [source: string]: unknown };
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

/** Field order and values are the API server's. The agent reads it from an environment variable. */
export interface Probe {
  httpGet?: { path?: string; port?: unknown; [field: string]: unknown };
  tcpSocket?: { port?: unknown; [field: string]: unknown };
  [field: string]: unknown;
}

/**
 * Whether untrusted JSON is enough of a pod for a decision. The API server validates only after mutating webhooks, and
 * other clients may call too, so each field that injection reads or copies is checked here.
 */
export function isPod(value: unknown): value is Pod {
  return podFault(value) === undefined;
}

/** The path of the first field that does not have a pod's shape, such as `spec.volumes`; undefined when all do. */
export function podFault(value: unknown): string | undefined {
  if (!isRecord(value)) return 'the object';
  if (!isRecord(value['metadata'])) return 'metadata';
  if (!isRecord(value['spec'])) return 'spec';
  const { containers } = value['spec'];
  if (!isListOf(containers, isContainer) || containers.length === 0) return 'spec.containers';
  return misshapen(value['metadata'], METADATA, 'metadata') ?? misshapen(value['spec'], SPEC, 'spec');
}

type Check = (value: unknown) => boolean;
/** By field. A Map, since the sender of the pod chooses the names. */
type Shape = ReadonlyMap<string, Check>;

const METADATA: Shape = new Map<string, Check>([
  ...(['name', 'generateName', 'namespace'] as const).map((field) => [field, isText] as const),
  ['labels', isTextMap],
  ['annotations', isTextMap],
]);
const RESOURCES: Shape = new Map<string, Check>([
  ['limits', isRecord],
  ['requests', isRecord],
]);
const SPEC: Shape = new Map<string, Check>([
  ['initContainers', (value) => isListOf(value, isContainer)],
  ['volumes', (value) => isListOf(value, isVolume)],
  ['serviceAccountName', isText],
  ['resources', (value) => isRecord(value) && fits(value, RESOURCES)],
]);
const CONTAINER: Shape = new Map<string, Check>([
  ['image', isText],
  ['args', (value) => isListOf(value, isText)],
  ['env', (value) => isListOf(value, isVariable)],
  ['ports', (value) => isListOf(value, isPort)],
  ['volumeMounts', (value) => isListOf(value, isMount)],
  ['readinessProbe', isRecord],
  ['lifecycle', isRecord],
  ['securityContext', isRecord],
  ['resources', isRecord],
]);
const VARIABLE: Shape = new Map<string, Check>([
  ['value', isText],
  ['valueFrom', isRecord],
]);
const PORT: Shape = new Map<string, Check>([
  ['name', isText],
  ['containerPort', isInteger],
  ['protocol', isText],
]);
const PROBE: Shape = new Map<string, Check>([
  ['httpGet', isRecord],
  ['tcpSocket', isRecord],
]);
const CONFIG_MAP: Shape = new Map<string, Check>([['name', isText]]);
const SECRET: Shape = new Map<string, Check>([['secretName', isText]]);
const VOLUME: Shape = new Map<string, Check>([
  ['configMap', (value) => isRecord(value) && fits(value, CONFIG_MAP)],
  ['secret', (value) => isRecord(value) && fits(value, SECRET)],
  ['emptyDir', isRecord],
]);

/** The path of the first field that is present, not null, and of another shape. */
function misshapen(value: Record<string, unknown>, shape: Shape, path: string): string | undefined {
  const wrong = wrongField(value, shape);
  return wrong === undefined ? undefined : `${path}.${wrong}`;
}

function fits(value: Record<string, unknown>, shape: Shape): boolean {
  return wrongField(value, shape) === undefined;
}

/** Iterates over the fields that are present: of tens of thousands of containers most have one or two. */
function wrongField(value: Record<string, unknown>, shape: Shape): string | undefined {
  for (const field of Object.keys(value)) {
    const check = shape.get(field);
    if (check !== undefined && value[field] != null && !check(value[field])) return field;
  }
  return undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isInteger(value: unknown): boolean {
  return Number.isInteger(value);
}

function isContainer(value: unknown): boolean {
  if (!isNamed(value) || !fits(value, CONTAINER)) return false;
  const { readinessProbe } = value;
  return !isRecord(readinessProbe) || fits(readinessProbe, PROBE);
}

function isVolume(value: unknown): boolean {
  return isNamed(value) && fits(value, VOLUME);
}

function isVariable(value: unknown): boolean {
  return isNamed(value) && fits(value, VARIABLE);
}

function isPort(value: unknown): boolean {
  return isRecord(value) && fits(value, PORT);
}

function isNamed(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && typeof value['name'] === 'string';
}

function isMount(value: unknown): boolean {
  return isNamed(value) && typeof value['mountPath'] === 'string';
}

function isTextMap(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every(isText);
}

function isListOf(value: unknown, holds: Check): value is unknown[] {
  return Array.isArray(value) && value.every(holds);
}
