import { isRecord, recordsIn, textMapIn } from '../lib/json.ts';
import type { KubernetesObject } from './kubernetes.ts';
import type { JsonObject } from '../lib/json.ts';
import { CONTAINERS, SERVER_TYPE_ANNOTATION } from './names.ts';

/** `serving.kserve.io/v1alpha1`, namespaced or cluster-wide. Its spec is read by {@link readServingRuntime} only. */
export interface ServingRuntime extends KubernetesObject {
  readonly spec?: unknown;
}

export type ServingRuntimeKind = 'ServingRuntime' | 'ClusterServingRuntime';

/** One entry of `supportedModelFormats`. */
interface SupportedFormat {
  readonly name: string;
  readonly version: string | undefined;
  readonly autoSelect: boolean;
  readonly priority: number | undefined;
}

/** Servers for which KServe adds settings of its own to a multi-model predictor. */
type ServerType = 'mlserver' | 'tritonserver';

/** What a runtime offers; its other fields are ignored. */
export interface RuntimeOffer {
  readonly kind: ServingRuntimeKind;
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly disabled: boolean;
  /** Has a `workerSpec`: one predictor over several nodes. */
  readonly multiNode: boolean;
  readonly formats: readonly SupportedFormat[];
  /** `v1`, `v2`, `grpc-v1`, `grpc-v2`; empty means all. */
  readonly protocols: readonly string[];
  readonly serverType: ServerType | undefined;
  readonly containers: readonly JsonObject[];
  /**
   * nodeSelector, affinity, tolerations, volumes, imagePullSecrets, schedulerName: the fields that KServe passes on.
   */
  readonly podSpec: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The fields of a pod that a runtime may set (`MergePodSpec` in KServe's `inferenceservice/utils`). */
const POD_FIELDS = [
  'nodeSelector',
  'affinity',
  'tolerations',
  'volumes',
  'imagePullSecrets',
  'schedulerName',
] as const;

/** By annotation, or by the names of the two runtimes that KServe knows (`GetServerTypeFromRuntimeName`). */
const SERVER_TYPES: ReadonlyMap<string, ServerType> = new Map([
  ['mlserver', 'mlserver'],
  ['tritonserver', 'tritonserver'],
  ['kserve-mlserver', 'mlserver'],
  ['kserve-tritonserver', 'tritonserver'],
]);

/** Reads a runtime. A value that does not have KServe's type counts as absent. */
export function readServingRuntime(kind: ServingRuntimeKind, runtime: ServingRuntime): RuntimeOffer {
  const spec = isRecord(runtime.spec) ? (runtime.spec as JsonObject) : {};
  const { metadata } = runtime;
  const serverType = metadata.annotations?.[SERVER_TYPE_ANNOTATION] ?? metadata.name;
  return {
    kind,
    name: metadata.name,
    createdAt: metadata.creationTimestamp ?? '',
    disabled: spec['disabled'] === true,
    multiNode: isRecord(spec['workerSpec']),
    formats: recordsIn(spec['supportedModelFormats']).flatMap(readFormat),
    protocols: textsOf(spec['protocolVersions']),
    serverType: SERVER_TYPES.get(serverType),
    containers: recordsIn(spec['containers']),
    podSpec: Object.fromEntries(
      POD_FIELDS.flatMap((field) => (spec[field] == null ? [] : [[field, spec[field]]])),
    ),
    labels: textMapIn(spec['labels']),
    annotations: textMapIn(spec['annotations']),
  };
}

/** The runtime's container for the model server. ModelMesh's runtimes have no container of this name. */
export function modelServerOf(runtime: RuntimeOffer): JsonObject | undefined {
  return runtime.containers.find(({ name }) => name === CONTAINERS.modelServer);
}

function readFormat(entry: JsonObject): SupportedFormat[] {
  const { name, version, autoSelect, priority } = entry;
  if (typeof name !== 'string' || name === '') return [];
  return [
    {
      name,
      version: typeof version === 'string' ? version : undefined,
      autoSelect: autoSelect === true,
      priority: typeof priority === 'number' ? priority : undefined,
    },
  ];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
