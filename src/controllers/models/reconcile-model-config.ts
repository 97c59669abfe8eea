import { messageOf, MmsError } from '../../lib/errors.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { ConfigMap, ObjectKey } from '../../contract/kubernetes.ts';
import { objectKey, splitKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import {
  configMapChange,
  isDisposable,
  modelsCapacityOf,
  namesPlaced,
  unwrittenPlan,
} from '../../contract/model-config-map.ts';
import { byteLength, encodeModelConfig } from '../../contract/model-config.ts';
import { planModelConfig } from '../../contract/model-config-plan.ts';
import type { ModelConfigPlan, PlanInput, ShardPlan } from '../../contract/model-config-plan.ts';
import { modelConfigName } from '../../contract/names.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';

/** What the reconciler reads: caches only, synced before the first call. */
export interface ClusterReader {
  inferenceService(key: ObjectKey): InferenceService | undefined;
  /** The TrainedModels whose spec names this InferenceService. */
  trainedModels(key: ObjectKey): readonly TrainedModel[];
  /** The ConfigMaps this project keeps for it, as of the newest of watch and own writes. */
  configMaps(key: ObjectKey): readonly ConfigMap[];
  /** Asks the API server itself, for the one decision that cannot be taken back: to delete. */
  isInferenceServiceGone(key: ObjectKey): Promise<boolean>;
}

/** Where the reconciler writes. Every call is a request to the API server and throws its retryable errors. */
export interface ModelConfigWriter {
  /** Undefined when one of that name already exists. */
  create(configMap: ConfigMap): Promise<ConfigMap | undefined>;
  /** Reads from the API server, not from a cache. */
  read(key: ObjectKey): Promise<ConfigMap | undefined>;
  /**
   * Fails with a {@link ConfigMapChangedError} when the ConfigMap has changed since it was read; it has then been read
   * again, and the reader returns it as it is now.
   */
  replace(configMap: ConfigMap): Promise<ConfigMap>;
  /** Only this very version of it. */
  delete(configMap: ConfigMap): Promise<void>;
}

/** A ConfigMap of another owner is in the way, and only a person may remove it. Tried again when anything changes, and with growing waits. */
class ForeignConfigMapError extends MmsError {
  readonly code = 'FOREIGN_CONFIG_MAP';
  /** What a person does about it need not be seen by any watch of ours. */
  readonly retryable = true;
}

/** The API server does not take a ConfigMap as it should be. Tried again when anything changes, and with growing waits. */
export class ConfigMapRefusedError extends MmsError {
  readonly code = 'CONFIG_MAP_REFUSED';
  readonly retryable = true;
}

/** Somebody else wrote the ConfigMap first: beside KServe an everyday event. */
export class ConfigMapChangedError extends MmsError {
  readonly code = 'CONFIG_MAP_CHANGED';
  readonly retryable = true;
}

/**
 * KServe writes the same ConfigMap up to ten times a second while it works off a burst. Deciding again at once, upon what
 * was just read, nearly always succeeds; a wait would make the next conflict as likely as the last.
 */
const ATTEMPTS = 4;

interface ReconcileDependencies {
  readonly world: ClusterReader;
  readonly writer: ModelConfigWriter;
  readonly logger: Logger;
  readonly first: PlanInput['first'];
  /** Told once per reconcile of what holds after it: of what could not be written, that it waits. */
  readonly observe: (key: ObjectKey, plan: ModelConfigPlan) => void;
}

/**
 * Brings the ConfigMaps of one InferenceService in step with its TrainedModels. Level-based: it reads the whole
 * state and asks for no history, so it may be called at any time, any number of times.
 *
 * Resolves with what was decided; undefined while the InferenceService is being deleted, when nothing is.
 *
 * @throws {MmsError} retryable ones want another call; {@link ForeignConfigMapError} and {@link ConfigMapRefusedError} want
 * a person
 */
export async function reconcileModelConfig(
  key: ObjectKey,
  dependencies: ReconcileDependencies,
): Promise<ModelConfigPlan | undefined> {
  for (let left = ATTEMPTS - 1; ; left -= 1) {
    try {
      return await reconcileOnce(key, dependencies);
    } catch (thrown) {
      if (left === 0 || !(thrown instanceof ConfigMapChangedError)) throw thrown;
    }
  }
}

async function reconcileOnce(
  key: ObjectKey,
  dependencies: ReconcileDependencies,
): Promise<ModelConfigPlan | undefined> {
  const { world, first, observe } = dependencies;
  const inferenceService = world.inferenceService(key);
  // While it is being deleted the garbage collector has the ConfigMap; writing would only race with it.
  if (inferenceService?.metadata.deletionTimestamp !== undefined) return undefined;
  const existing = new Map(world.configMaps(key).map((configMap) => [configMap.metadata.name, configMap]));
  const planned = (): ModelConfigPlan =>
    planModelConfig({
      inferenceService,
      trainedModels: world.trainedModels(key),
      placed: namesPlaced(existing.values()),
      first,
      capacity: modelsCapacityOf(existing.get(modelConfigName(splitKey(key).name, 0))),
    });
  let plan = planned();
  try {
    if (
      inferenceService !== undefined &&
      !(await keepShards(inferenceService, plan, existing, dependencies))
    ) {
      // A ConfigMap was there that no watch shows, and has less room than a new one.
      plan = planned();
      await keepShards(inferenceService, plan, existing, dependencies);
    }
  } catch (thrown) {
    if (isRefusal(thrown)) observe(key, unwrittenPlan(plan, existing, messageOf(thrown)));
    throw thrown;
  }
  observe(key, plan);
  const names = new Set(plan.shards.map(({ configMapName }) => configMapName));
  for (const configMap of existing.values()) {
    if (!names.has(configMap.metadata.name)) await disposeOf(key, configMap, inferenceService, dependencies);
  }
  return plan;
}

/** What stays as it is until something else changes, and so is worth telling. */
function isRefusal(thrown: unknown): thrown is MmsError {
  return thrown instanceof ForeignConfigMapError || thrown instanceof ConfigMapRefusedError;
}

/** False when one of the ConfigMaps, `existing` by now, has less room than was planned with: nothing is written to it then. */
async function keepShards(
  inferenceService: InferenceService,
  plan: ModelConfigPlan,
  existing: Map<string, ConfigMap>,
  dependencies: ReconcileDependencies,
): Promise<boolean> {
  for (const shard of plan.shards) {
    const known = existing.get(shard.configMapName);
    const found = await reconcileConfigMap(inferenceService, shard, known, dependencies);
    if (found === undefined) continue;
    existing.set(shard.configMapName, found);
    return false;
  }
  return true;
}

/** A ConfigMap that was not known of and has too little room; else undefined, and it is kept. */
async function reconcileConfigMap(
  inferenceService: InferenceService,
  shard: ShardPlan,
  known: ConfigMap | undefined,
  { writer, logger }: ReconcileDependencies,
): Promise<ConfigMap | undefined> {
  const namespace = inferenceService.metadata.namespace ?? '';
  const key = objectKey(namespace, shard.configMapName);
  const fields = { configMap: key, models: shard.models.length };
  let change = configMapChange(inferenceService, shard, known);
  if (change.kind === 'create') {
    const created = await writer.create(change.configMap);
    if (created !== undefined) {
      logger.info(fields, 'ConfigMap created');
      return undefined;
    }
    // KServe's, or a person's: it has no label of ours yet, so the watch does not see it. It is taken over.
    const found = await writer.read(key);
    const wanted = byteLength(encodeModelConfig(shard.models)) + byteLength(shard.residency ?? '');
    if (modelsCapacityOf(found) < wanted) return found;
    change = configMapChange(inferenceService, shard, found);
  }
  switch (change.kind) {
    case 'none':
      return undefined;
    case 'replace':
      await writer.replace(change.configMap);
      logger.info({ ...fields, because: change.because }, 'ConfigMap written');
      return undefined;
    case 'create':
      throw new ConfigMapVanishedError(`ConfigMap ${key} was there and is gone; trying again`);
    case 'conflict':
      throw new ForeignConfigMapError(change.message);
  }
}

/** Somebody deleted a ConfigMap between our two looks at it. */
export class ConfigMapVanishedError extends MmsError {
  readonly code = 'CONFIG_MAP_VANISHED';
  readonly retryable = true;
}

async function disposeOf(
  key: ObjectKey,
  configMap: ConfigMap,
  inferenceService: InferenceService | undefined,
  { world, writer, logger }: ReconcileDependencies,
): Promise<void> {
  if (!isDisposable(configMap, splitKey(key).name)) return;
  if (inferenceService === undefined && !(await world.isInferenceServiceGone(key))) return;
  await writer.delete(configMap);
  const because =
    inferenceService === undefined
      ? 'its InferenceService is gone'
      : 'its InferenceService is not multi-model';
  logger.info(
    { configMap: objectKey(configMap.metadata.namespace ?? '', configMap.metadata.name), because },
    'ConfigMap deleted',
  );
}
