import { IMPLEMENTATION_FIELDS } from '../../contract/inference-service.ts';
import type { Predictor } from '../../contract/inference-service.ts';
import { isRecord, recordsIn } from '../../lib/json.ts';
import type { ObjectMeta } from '../../contract/kubernetes.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { ModelRequest } from '../../contract/model-request.ts';
import {
  AGENT_ANNOTATIONS,
  CONTAINERS,
  DEFAULT_COMPONENT_PORT,
  DEFAULT_CONFIG_MOUNT_PATH,
  DEFAULT_MODEL_DIR,
  INFERENCE_SERVICE_NAME_ENV,
  modelConfigName,
} from '../../contract/names.ts';
import { fillPlaceholders } from './placeholders.decide.ts';
import { withoutRepeatedEntries } from './repeated-entries.decide.ts';
import { modelServerOf } from '../../contract/serving-runtime.ts';
import type { RuntimeOffer } from '../../contract/serving-runtime.ts';
import { withServerDefaults } from './server-defaults.decide.ts';
import { mergeStrategically } from './strategic-merge.decide.ts';

/** The pod `spec` of a predictor as far as it can be built, and its faults. */
export interface PredictorPod {
  readonly spec: JsonObject;
  /** The labels of the InferenceService, and those that the kind of server needs. */
  readonly labels: Readonly<Record<string, string>>;
  readonly faults: readonly string[];
}

/**
 * Fields of v1beta1's PredictorSpec that are not a pod's: implementations, `ComponentExtensionSpec`, and fields that
 * are merged separately. All others go into the pod unchanged, and the API server validates them.
 */
const NO_POD_FIELDS: ReadonlySet<string> = new Set([
  ...IMPLEMENTATION_FIELDS,
  ...['containers', 'storageUris', 'workerSpec', 'labels', 'annotations', 'deploymentStrategy'],
  ...['minReplicas', 'maxReplicas', 'scaleTarget', 'scaleMetric', 'scaleMetricType', 'autoScaling'],
  ...['containerConcurrency', 'timeout', 'canaryTrafficPercent', 'logger', 'batcher'],
]);

/** The pod of a predictor that a runtime serves (KServe's `buildPodSpec`). */
export function podFromRuntime(
  predictor: Predictor,
  request: ModelRequest,
  runtime: RuntimeOffer,
  metadata: ObjectMeta,
): PredictorPod {
  const { labels, overrides } = withServerDefaults(runtime, request, metadata.labels ?? {});
  const base = modelServerOf(runtime) ?? {};
  const filling = { ...metadata, labels };
  const own = recordsIn(predictor.containers);
  const modelServer = fillPlaceholders(
    { ...mergeContainers(base, overrides), name: CONTAINERS.modelServer },
    filling,
  );
  const transformer = transformerOf(runtime.containers, own).map((container) =>
    fillPlaceholders(container, filling),
  );
  const isExtra = ({ name }: JsonObject): boolean => name !== CONTAINERS.transformer;
  const containers = [
    withImageTag(modelServer.container, request.runtimeVersion),
    ...transformer.map(({ container }) => container),
    ...runtime.containers.filter(
      (container) => isExtra(container) && container['name'] !== CONTAINERS.modelServer,
    ),
    ...own.filter(isExtra),
  ];
  const faults = [modelServer, ...transformer].flatMap((filled) => filled.faults);
  const spec = mergeStrategically(runtime.podSpec, podFieldsOf(predictor));
  return { spec: completed({ ...spec, containers }, metadata.name), labels, faults };
}

/** The pod of a predictor with its own containers. */
export function podOfCustomPredictor(predictor: Predictor, metadata: ObjectMeta): PredictorPod {
  const own = recordsIn(predictor.containers);
  const [first = {}, ...others] = own;
  // KServe names the only container of a predictor, and one without a name.
  const unnamed = typeof first['name'] !== 'string' || first['name'] === '';
  const containers =
    others.length === 0 || unnamed ? [{ ...first, name: CONTAINERS.modelServer }, ...others] : own;
  const faults = containers.some(({ name }) => name === CONTAINERS.modelServer)
    ? []
    : [`none of spec.predictor.containers is named ${CONTAINERS.modelServer}: name the model server so`];
  const spec = completed({ ...podFieldsOf(predictor), containers }, metadata.name);
  return { spec, labels: metadata.labels ?? {}, faults };
}

/** The annotations that KServe's controller writes on the pods of a multi-model predictor. */
export function agentAnnotations(inferenceService: string): Record<string, string> {
  return {
    [AGENT_ANNOTATIONS.agent]: 'true',
    [AGENT_ANNOTATIONS.configVolumeName]: modelConfigName(inferenceService, 0),
    [AGENT_ANNOTATIONS.configMountPath]: DEFAULT_CONFIG_MOUNT_PATH,
    [AGENT_ANNOTATIONS.modelDir]: DEFAULT_MODEL_DIR,
  };
}

/** Arguments are concatenated; everything else is a strategic merge. */
function mergeContainers(base: JsonObject, over: JsonObject): JsonObject {
  const merged = mergeStrategically(base, over);
  const args = [base['args'], over['args']].flatMap((list) => (Array.isArray(list) ? list : []));
  return args.length === 0 ? merged : { ...merged, args };
}

function podFieldsOf(predictor: Predictor): JsonObject {
  const fields = Object.entries(predictor).filter(
    ([field, value]) => !NO_POD_FIELDS.has(field) && value != null,
  );
  return Object.fromEntries(fields) as JsonObject;
}

/** A transformer beside the model server, from the runtime, the predictor, or both. */
function transformerOf(runtime: readonly JsonObject[], own: readonly JsonObject[]): JsonObject[] {
  const [base, over] = [runtime, own].map((list) => list.find(({ name }) => name === CONTAINERS.transformer));
  if (base === undefined) return over === undefined ? [] : [over];
  return [over === undefined ? base : mergeContainers(base, over)];
}

/** A digest is more precise than a tag, and stays. */
function withImageTag(container: JsonObject, tag: string | undefined): JsonObject {
  const { image } = container;
  if (tag === undefined || typeof image !== 'string' || image.includes('@sha256:')) return container;
  return { ...container, image: `${image.replace(/:[\w.-]*$/, '')}:${tag}` };
}

/** What KServe adds to each pod: the name as a variable, a readiness probe, and images that are not pulled again. */
function completed(spec: JsonObject, inferenceService: string): JsonObject {
  const containers = (spec['containers'] as JsonObject[]).map((container) => ({
    imagePullPolicy: 'IfNotPresent',
    ...defaultProbe(container),
    ...container,
    env: withVariable(container['env'], INFERENCE_SERVICE_NAME_ENV, inferenceService),
  }));
  return withoutRepeatedEntries({ ...spec, containers });
}

/** The agent probes the same way before it lets the pod become ready. */
function defaultProbe({ name, ports }: JsonObject): JsonObject {
  if (name !== CONTAINERS.modelServer && name !== CONTAINERS.transformer) return {};
  return { readinessProbe: { tcpSocket: { port: firstPort(ports) } } };
}

/** The number of the first port in a container's list; 8080 when it has none. */
export function firstPort(ports: JsonValue | undefined): number {
  const first = Array.isArray(ports) ? ports[0] : undefined;
  const port = isRecord(first) ? first['containerPort'] : undefined;
  return typeof port === 'number' ? port : DEFAULT_COMPONENT_PORT;
}

/** A malformed list is left for the API server to refuse. */
function withVariable(env: JsonValue | undefined, name: string, value: string): JsonValue {
  if (env != null && !Array.isArray(env)) return env;
  const others = (env ?? []).filter((entry) => !isRecord(entry) || entry['name'] !== name);
  return [...others, { name, value }];
}
