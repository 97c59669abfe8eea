import { compareText } from '../lib/compare-text.ts';
import type { KServeMode } from './kserve-controller.ts';
import type { InferenceService } from './inference-service.ts';
import { memoryLimitOf } from './inference-service.ts';
import { allocateAlone, allocateMemory } from './memory-ledger.ts';
import { describeMmsDecision, isMMSPredictor } from './mms-predictor.ts';
import type { MmsDecision } from './mms-predictor.ts';
import { byteLength, encodedSize } from './model-config.ts';
import type { ModelConfigEntry } from './model-config.ts';
import { modelConfigName } from './names.ts';
import type { Residency } from './residency.ts';
import { defaultMemoryBudget, encodeResidency, isPinned, readResidency } from './residency.ts';
import type { Bytes } from '../lib/quantity.ts';
import { formatBytes } from '../lib/quantity.ts';
import { ALLOCATED_LABEL, readTrainedModel } from './trained-model.ts';
import type { TrainedModel } from './trained-model.ts';

/** Why a TrainedModel is not in any models.json. The first three are KServe's reasons. */
export type WaitingReason =
  | 'InferenceServiceNotFound'
  | 'IsNotMMSPredictor'
  | 'MemoryResourceNotAvailable'
  | 'InvalidName'
  | 'InvalidSpec'
  | 'ConfigMapFull'
  | 'ConfigMapNotWritten';

export interface WaitingModel {
  readonly name: string;
  readonly reason: WaitingReason;
  readonly message: string;
}

/** One ConfigMap and the models in it. */
export interface ShardPlan {
  readonly configMapName: string;
  readonly models: readonly ModelConfigEntry[];
  /** The text of residency.json; undefined for none. */
  readonly residency?: string;
}

export interface ModelConfigPlan {
  /** Empty when the InferenceService needs no ConfigMap: it is absent, or not multi-model. */
  readonly shards: readonly ShardPlan[];
  readonly waiting: readonly WaitingModel[];
  /** Undefined when the InferenceService does not exist. */
  readonly mms?: MmsDecision;
  readonly memory: { readonly used: Bytes; readonly limit: Bytes | undefined };
}

export interface PlanInput {
  readonly inferenceService: InferenceService | undefined;
  /** All models of the namespace that name this InferenceService. */
  readonly trainedModels: readonly TrainedModel[];
  /** The names in the ConfigMaps now. Models already placed stay before new ones. */
  readonly placed: ReadonlySet<string>;
  /**
   * Which models have priority when memory is short: those in the ConfigMaps now, or, where KServe's controller runs,
   * those that it has allocated. Only one of two controllers can have the last word.
   */
  readonly first: 'placed' | 'allocated';
  /** How many bytes of models.json one ConfigMap may hold. */
  readonly capacity: number;
}

/** Whose decision holds when memory is short: KServe's where its controller runs, else ours. */
export function precedenceIn(kserve: KServeMode): PlanInput['first'] {
  return kserve === 'takeover' ? 'placed' : 'allocated';
}

/**
 * Kubernetes refuses a ConfigMap of more than 1 MiB over all its keys
 * (https://kubernetes.io/docs/concepts/configuration/configmap/#motivation). The rest is for other keys.
 */
export const MODELS_JSON_CAPACITY = 1024 * 1024 - 16 * 1024;
/**
 * The limit of all values of one ConfigMap together, without its keys: apimachinery's ValidateConfigMap,
 * `MaxSecretSize`.
 */
export const CONFIG_MAP_CAPACITY = 1024 * 1024;

/**
 * The ConfigMaps of an InferenceService, the models in each, and the models that wait, with reasons. All placement is
 * decided here; no other code assumes a single shard.
 */
export function planModelConfig(input: PlanInput): ModelConfigPlan {
  const { inferenceService } = input;
  const models = input.trainedModels.filter((model) => model.metadata.deletionTimestamp === undefined);
  const memory = { used: 0n as Bytes, limit: undefined };
  if (inferenceService === undefined) {
    const message = 'there is no such InferenceService in this namespace yet; the model waits for it';
    return { shards: [], waiting: allWaiting(models, 'InferenceServiceNotFound', message), memory };
  }
  const mms = isMMSPredictor(inferenceService.spec?.predictor);
  if (!mms.isMms) {
    const message = `InferenceService ${inferenceService.metadata.name} is not multi-model: ${describeMmsDecision(mms)}`;
    return { shards: [], waiting: allWaiting(models, 'IsNotMMSPredictor', message), mms, memory };
  }
  return { ...placeModels(inferenceService, models, input), mms };
}

function placeModels(
  inferenceService: InferenceService,
  models: readonly TrainedModel[],
  { placed, first, capacity }: PlanInput,
): Omit<ModelConfigPlan, 'mms'> {
  const limit = memoryLimitOf(inferenceService);
  const residency = residencyOf(inferenceService, models);
  const text = residency.kind === 'always' ? undefined : encodeResidency(residency);
  const room = Math.max(0, capacity - (text === undefined ? 0 : byteLength(text)));
  const waiting: WaitingModel[] = [];
  const claims = [];
  for (const model of inOrderOfPrecedence(models, placed, first, inferenceService.metadata.name)) {
    const reading = readTrainedModel(model);
    if (reading.kind === 'usable') claims.push({ claimant: reading.entry, memory: reading.memory });
    else waiting.push({ name: model.metadata.name, reason: reading.reason, message: reading.message });
  }
  const ledger =
    residency.kind === 'always'
      ? allocateMemory(claims, limit, roomInConfigMap(room))
      : allocateAlone(claims, residency.memoryBudget, roomInConfigMap(room));
  for (const { claimant, memory, free } of ledger.refused) {
    const message =
      residency.kind === 'on-demand'
        ? `needs ${formatBytes(memory)} alone, and the memory budget of all models in use is ${formatBytes(free)}`
        : `needs ${formatBytes(memory)}, but ${formatBytes(free)} of the predictor's ${formatBytes(limit ?? free)} were free`;
    waiting.push({ name: claimant.modelName, reason: 'MemoryResourceNotAvailable', message });
  }
  for (const entry of ledger.placeless) {
    const rest = capacity < MODELS_JSON_CAPACITY ? '; its other keys take the rest: remove them' : '';
    const message = `the ConfigMap is full: its models.json may hold ${room} bytes${rest}`;
    waiting.push({ name: entry.modelName, reason: 'ConfigMapFull', message });
  }
  // KServe itself uses shard 0 only.
  const configMapName = modelConfigName(inferenceService.metadata.name, 0);
  return {
    shards: [{ configMapName, models: ledger.granted, ...(text !== undefined && { residency: text }) }],
    waiting,
    memory: { used: ledger.used, limit },
  };
}

/**
 * The contents of residency.json. The budget is the annotation's, else derived from the InferenceService's own memory
 * limit. Only the webhook knows a runtime's limit, and passes it to the agent as a flag.
 */
function residencyOf(inferenceService: InferenceService, models: readonly TrainedModel[]): Residency {
  const requested = readResidency(inferenceService.metadata.annotations);
  if (requested.kind === 'always') return { kind: 'always' };
  const limit = memoryLimitOf(inferenceService);
  const { memoryBudget = limit && defaultMemoryBudget(limit), diskBudget } = requested;
  const pinned = models.filter(({ metadata }) => isPinned(metadata.annotations));
  return {
    kind: 'on-demand',
    memoryBudget,
    diskBudget,
    pinned: new Set(pinned.map(({ metadata }) => metadata.name)),
  };
}

/**
 * Placed models come first, so that no new model takes a running model's memory. Then come models that KServe's
 * controller had allocated, in case their ConfigMap is lost, then the oldest. Beside KServe's controller the first two
 * groups change places.
 */
function inOrderOfPrecedence(
  models: readonly TrainedModel[],
  placed: ReadonlySet<string>,
  first: PlanInput['first'],
  inferenceService: string,
): TrainedModel[] {
  const rank = ({ metadata }: TrainedModel): number => {
    const isPlaced = placed.has(metadata.name);
    const isAllocated = metadata.labels?.[ALLOCATED_LABEL] === inferenceService;
    if (first === 'placed' ? isPlaced : isAllocated) return 0;
    return isPlaced || isAllocated ? 1 : 2;
  };
  return [...models].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
      compareText(a.metadata.name, b.metadata.name),
  );
}

/** Takes entries as long as their text stays within the capacity. */
function roomInConfigMap(capacity: number): (entry: ModelConfigEntry) => boolean {
  // Two brackets, and every entry with a comma; the last comma is not written.
  let used = 1;
  return (entry) => {
    // The size is at least its character count, so entries that cannot fit need no encoding.
    if (used + entry.modelSpec.storageUri.length > capacity) return false;
    const size = encodedSize(entry);
    if (used + size > capacity) return false;
    used += size;
    return true;
  };
}

function allWaiting(models: readonly TrainedModel[], reason: WaitingReason, message: string): WaitingModel[] {
  return models.map(({ metadata }) => ({ name: metadata.name, reason, message }));
}
