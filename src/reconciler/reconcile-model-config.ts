import { MmsError } from '../core/errors.ts';
import type { InferenceService } from '../core/inference-service.ts';
import type { ConfigMap, ObjectKey } from '../core/kubernetes.ts';
import { objectKey, splitKey } from '../core/kubernetes.ts';
import type { Logger } from '../core/log.ts';
import { configMapChange, isDisposable, namesPlaced } from '../core/model-config-map.ts';
import { MODELS_JSON_CAPACITY, planModelConfig } from '../core/model-config-plan.ts';
import type { ModelConfigPlan, ShardPlan } from '../core/model-config-plan.ts';
import type { TrainedModel } from '../core/trained-model.ts';

/** What the reconciler reads: caches only, synced before the first call. */
export interface ModelConfigWorld {
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
  /** Undefined when one of that name exists already, whoever made it. */
  create(configMap: ConfigMap): Promise<ConfigMap | undefined>;
  /** Reads from the API server, not from a cache. */
  read(key: ObjectKey): Promise<ConfigMap | undefined>;
  /** Fails on a conflict when the ConfigMap has changed since it was read. */
  replace(configMap: ConfigMap): Promise<ConfigMap>;
  /** Only this very version of it. */
  delete(configMap: ConfigMap): Promise<void>;
}

/** A ConfigMap stands in the way that only a person may move. Looked at again when anything changes. */
export class ForeignConfigMapError extends MmsError {
  readonly code = 'FOREIGN_CONFIG_MAP';
  readonly retryable = false;
}

export interface ReconcileDependencies {
  readonly world: ModelConfigWorld;
  readonly writer: ModelConfigWriter;
  readonly logger: Logger;
  /** Told once per reconcile, for metrics. */
  readonly observe: (key: ObjectKey, plan: ModelConfigPlan) => void;
}

/**
 * Brings the ConfigMaps of one InferenceService in step with its TrainedModels. Level-based: it reads the whole
 * state and asks for no history, so it may be called at any time, any number of times.
 *
 * @throws {MmsError} retryable ones want another call; {@link ForeignConfigMapError} wants a person
 */
export async function reconcileModelConfig(
  key: ObjectKey,
  dependencies: ReconcileDependencies,
): Promise<void> {
  const { world, observe } = dependencies;
  const inferenceService = world.inferenceService(key);
  // While it is being deleted the garbage collector has the ConfigMap; writing would only race with it.
  if (inferenceService?.metadata.deletionTimestamp !== undefined) return;
  const existing = new Map(world.configMaps(key).map((configMap) => [configMap.metadata.name, configMap]));
  const plan = planModelConfig({
    inferenceService,
    trainedModels: world.trainedModels(key),
    placed: namesPlaced(existing.values()),
    capacity: MODELS_JSON_CAPACITY,
  });
  observe(key, plan);
  if (inferenceService !== undefined) {
    for (const shard of plan.shards) {
      await keepShard(inferenceService, shard, existing.get(shard.configMapName), dependencies);
    }
  }
  const planned = new Set(plan.shards.map(({ configMapName }) => configMapName));
  for (const configMap of existing.values()) {
    if (!planned.has(configMap.metadata.name))
      await disposeOf(key, configMap, inferenceService, dependencies);
  }
}

async function keepShard(
  inferenceService: InferenceService,
  shard: ShardPlan,
  known: ConfigMap | undefined,
  { writer, logger }: ReconcileDependencies,
): Promise<void> {
  const namespace = inferenceService.metadata.namespace ?? '';
  const key = objectKey(namespace, shard.configMapName);
  const fields = { configMap: key, models: shard.models.length };
  let change = configMapChange(inferenceService, shard, known);
  if (change.kind === 'create') {
    const created = await writer.create(change.configMap);
    if (created !== undefined) {
      logger.info(fields, 'ConfigMap created');
      return;
    }
    // KServe's, or a person's: it has no label of ours yet, so the watch does not see it. It is taken over.
    change = configMapChange(inferenceService, shard, await writer.read(key));
  }
  switch (change.kind) {
    case 'none':
      return;
    case 'replace':
      await writer.replace(change.configMap);
      logger.info({ ...fields, because: change.because }, 'ConfigMap written');
      return;
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
