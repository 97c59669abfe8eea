import type { InferenceService } from './inference-service.ts';
import { ownerReferenceTo } from './inference-service.ts';
import type { ConfigMap, ObjectMeta, OwnerReference } from './kubernetes.ts';
import {
  byteLength,
  decodeModelConfig,
  encodeModelConfig,
  meansSameModels,
  meansSameSpec,
} from './model-config.ts';
import type { ModelConfigEntry } from './model-config.ts';
import { CONFIG_MAP_CAPACITY, MODELS_JSON_CAPACITY } from './model-config-plan.ts';
import type { ModelConfigPlan, ShardPlan, WaitingModel } from './model-config-plan.ts';
import {
  INFERENCE_SERVICE_API_VERSION,
  INFERENCE_SERVICE_KIND,
  MODEL_CONFIG_LABEL,
  MODELS_JSON,
  RESIDENCY_JSON,
} from './names.ts';

/** The change that one ConfigMap needs, and why. */
export type ConfigMapChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'create'; readonly configMap: ConfigMap }
  | { readonly kind: 'replace'; readonly configMap: ConfigMap; readonly because: readonly string[] }
  /** Another owner's ConfigMap: leave it alone and report it. */
  | { readonly kind: 'conflict'; readonly message: string };

/**
 * Compares one shard with its ConfigMap. Other keys, labels and annotations stay. Text with the same meaning stays too,
 * so that KServe's controller can write the same ConfigMap without conflicts.
 */
export function configMapChange(
  inferenceService: InferenceService,
  shard: ShardPlan,
  existing: ConfigMap | undefined,
): ConfigMapChange {
  const owner = ownerReferenceTo(inferenceService);
  if (existing === undefined)
    return { kind: 'create', configMap: newConfigMap(inferenceService, shard, owner) };
  const controller = existing.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (controller !== undefined && !sameOwner(controller, owner)) {
    const message =
      `ConfigMap ${shard.configMapName} belongs to ${controller.kind} ${controller.name}; ` +
      `delete or rename it, so that InferenceService ${owner.name} can have its own`;
    return { kind: 'conflict', message };
  }
  if (existing.immutable === true) {
    const message = `ConfigMap ${shard.configMapName} is immutable; delete it, and it is made again`;
    return { kind: 'conflict', message };
  }
  return changeOf(existing, shard, wantedLabels(inferenceService), owner);
}

function changeOf(
  existing: ConfigMap,
  shard: ShardPlan,
  labels: Readonly<Record<string, string>>,
  owner: OwnerReference,
): ConfigMapChange {
  const because: string[] = [];
  const text = existing.data?.[MODELS_JSON];
  const sameModels = text !== undefined && meansSameModels(text, shard.models);
  if (!sameModels) because.push(describeModelChange(text, shard));
  if (existing.data?.[RESIDENCY_JSON] !== shard.residency) because.push(RESIDENCY_JSON);
  if (Object.entries(labels).some(([key, value]) => existing.metadata.labels?.[key] !== value))
    because.push('labels');
  if (!hasOwner(existing.metadata, owner)) because.push('owner reference');
  if (because.length === 0) return { kind: 'none' };
  const configMap: ConfigMap = {
    ...existing,
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...existing.metadata,
      labels: { ...existing.metadata.labels, ...labels },
      ownerReferences: withOwner(existing.metadata.ownerReferences ?? [], owner),
    },
    data: {
      ...without(existing.data ?? {}, [RESIDENCY_JSON]),
      ...(!sameModels && { [MODELS_JSON]: encodeModelConfig(shard.models) }),
      ...residencyKey(shard),
    },
    ...(existing.binaryData === undefined ? {} : { binaryData: without(existing.binaryData, OUR_KEYS) }),
  };
  return { kind: 'replace', configMap, because };
}

const OUR_KEYS: readonly string[] = [MODELS_JSON, RESIDENCY_JSON];

function residencyKey({ residency }: ShardPlan): Record<string, string> {
  return residency === undefined ? {} : { [RESIDENCY_JSON]: residency };
}

/** Kubernetes refuses a key that is in both data and binaryData. */
function without(values: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !keys.includes(key)));
}

function describeModelChange(text: string | undefined, shard: ShardPlan): string {
  if (text === undefined) return `${MODELS_JSON} was missing`;
  const before = decodeModelConfig(text);
  if (before.faults.length > 0) return `${MODELS_JSON} was damaged: ${before.faults[0]?.message ?? ''}`;
  return `models, ${before.models.length} before and ${shard.models.length} now`;
}

function newConfigMap(
  inferenceService: InferenceService,
  shard: ShardPlan,
  owner: OwnerReference,
): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: shard.configMapName,
      namespace: inferenceService.metadata.namespace ?? '',
      labels: wantedLabels(inferenceService),
      ownerReferences: [owner],
    },
    data: { [MODELS_JSON]: encodeModelConfig(shard.models), ...residencyKey(shard) },
  };
}

/** KServe's contract: the ConfigMap carries the InferenceService's labels. The manager's watch selects by ours. */
function wantedLabels(inferenceService: InferenceService): Readonly<Record<string, string>> {
  return { ...inferenceService.metadata.labels, [MODEL_CONFIG_LABEL]: 'true' };
}

/** Group and name, not uid: an InferenceService that was deleted and created again counts as the same owner. */
function sameOwner(a: OwnerReference, b: OwnerReference): boolean {
  return groupOf(a.apiVersion) === groupOf(b.apiVersion) && a.kind === b.kind && a.name === b.name;
}

function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, apiVersion.indexOf('/'));
}

function hasOwner(metadata: ObjectMeta, owner: OwnerReference): boolean {
  return (
    metadata.ownerReferences?.some(({ uid, controller }) => uid === owner.uid && controller === true) ===
      true &&
    // A reference to the deleted namesake would make the garbage collector wait for the wrong object, or delete this
    // one.
    metadata.ownerReferences.every((reference) => !sameOwner(reference, owner) || reference.uid === owner.uid)
  );
}

function withOwner(references: readonly OwnerReference[], owner: OwnerReference): OwnerReference[] {
  return [...references.filter((reference) => !sameOwner(reference, owner)), owner];
}

/**
 * Whether a ConfigMap outside the plan may be deleted: only one that this project manages and an InferenceService of
 * this name controls. KServe's and the users' own are never deleted.
 */
export function isDisposable(configMap: ConfigMap, inferenceService: string): boolean {
  return (
    configMap.metadata.labels?.[MODEL_CONFIG_LABEL] === 'true' && ownerNameOf(configMap) === inferenceService
  );
}

/** The InferenceService of a ConfigMap that this project manages. */
export function ownerNameOf(configMap: ConfigMap): string | undefined {
  return configMap.metadata.ownerReferences?.find(
    ({ controller, kind, apiVersion }) =>
      controller === true &&
      kind === INFERENCE_SERVICE_KIND &&
      groupOf(apiVersion) === groupOf(INFERENCE_SERVICE_API_VERSION),
  )?.name;
}

/**
 * How many bytes models.json and residency.json may have together in this ConfigMap. Other keys stay and take their
 * share.
 */
export function modelsCapacityOf(configMap: ConfigMap | undefined): number {
  const others = (values: Readonly<Record<string, string>> = {}): string[] =>
    Object.entries(values).flatMap(([key, value]) => (OUR_KEYS.includes(key) ? [] : [value]));
  const texts = others(configMap?.data).reduce((sum, text) => sum + byteLength(text), 0);
  const bytes = others(configMap?.binaryData).reduce(
    (sum, text) => sum + Buffer.byteLength(text, 'base64'),
    0,
  );
  return Math.max(0, Math.min(MODELS_JSON_CAPACITY, CONFIG_MAP_CAPACITY - texts - bytes));
}

/**
 * The plan to use when a write failed: placed models are those in the ConfigMap, in the version that is there; the
 * others wait, with the failure as the reason.
 */
export function unwrittenPlan(
  plan: ModelConfigPlan,
  existing: ReadonlyMap<string, ConfigMap>,
  why: string,
): ModelConfigPlan {
  const waiting: WaitingModel[] = [...plan.waiting];
  const shards = plan.shards.map(({ models, ...shard }) => {
    const { configMapName } = shard;
    const stored = decodeModelConfig(existing.get(configMapName)?.data?.[MODELS_JSON] ?? '').models;
    const specs = new Map(stored.map(({ modelName, modelSpec }) => [modelName, modelSpec]));
    const isWritten = ({ modelName, modelSpec }: ModelConfigEntry): boolean => {
      const spec = specs.get(modelName);
      return spec !== undefined && meansSameSpec(spec, modelSpec);
    };
    const message = `ConfigMap ${configMapName} could not be written: ${why}`;
    for (const model of models)
      if (!isWritten(model)) waiting.push({ name: model.modelName, reason: 'ConfigMapNotWritten', message });
    return { ...shard, models: models.filter(isWritten) };
  });
  return { ...plan, shards, waiting };
}

/** The names of all models in these ConfigMaps. */
export function namesPlaced(configMaps: Iterable<ConfigMap>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const configMap of configMaps) {
    const { models } = decodeModelConfig(configMap.data?.[MODELS_JSON] ?? '');
    for (const { modelName } of models) names.add(modelName);
  }
  return names;
}
