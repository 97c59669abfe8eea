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
import { isIncomplete } from '../../kube/decode-objects.ts';

/** What the reconciler reads: caches only, synced before the first call. */
export interface ClusterReader {
  inferenceService(key: ObjectKey): InferenceService | undefined;
  /** The TrainedModels whose spec names this InferenceService. */
  trainedModels(key: ObjectKey): readonly TrainedModel[];
  /** The ConfigMaps that this project manages for it: the newest of watch and own writes. */
  configMaps(key: ObjectKey): readonly ConfigMap[];
  /** Asks the API server itself, because a deletion cannot be undone. */
  isInferenceServiceGone(key: ObjectKey): Promise<boolean>;
}

/** Where the reconciler writes. Every call is an API request and throws its retryable errors. */
export interface ModelConfigWriter {
  /** Undefined when a ConfigMap of that name already exists. */
  create(configMap: ConfigMap): Promise<ConfigMap | undefined>;
  /** Reads from the API server, not from a cache. */
  read(key: ObjectKey): Promise<ConfigMap | undefined>;
  /**
   * Fails with a {@link ConfigMapChangedError} when the ConfigMap has changed since it was read. It has then been read
   * again, and the reader returns the new version.
   */
  replace(configMap: ConfigMap): Promise<ConfigMap>;
  /** Deletes only this version of it. */
  delete(configMap: ConfigMap): Promise<void>;
}

/**
 * A ConfigMap of another owner is in the way, and only a user may remove it. Retried on any change, and with growing
 * backoff.
 */
class ForeignConfigMapError extends MmsError {
  readonly code = 'FOREIGN_CONFIG_MAP';
  /** No watch of ours may show that the user has removed it. */
  readonly retryable = true;
}

/** The API server refuses the ConfigMap, or a write would lose data. Retried on any change, and with growing backoff. */
export class ConfigMapRefusedError extends MmsError {
  readonly code = 'CONFIG_MAP_REFUSED';
  readonly retryable = true;
}

/** Another client wrote the ConfigMap first. Beside KServe this is common. */
export class ConfigMapChangedError extends MmsError {
  readonly code = 'CONFIG_MAP_CHANGED';
  readonly retryable = true;
}

/**
 * KServe writes the same ConfigMap up to ten times a second during a burst. A new decision at once, from the version
 * just read, nearly always succeeds; after a wait, the next conflict would be as likely as the last.
 */
const ATTEMPTS = 4;

interface ReconcileDependencies {
  readonly world: ClusterReader;
  readonly writer: ModelConfigWriter;
  readonly logger: Logger;
  readonly first: PlanInput['first'];
  /** Called once per reconcile with the result. Models that could not be written are reported as waiting. */
  readonly observe: (key: ObjectKey, plan: ModelConfigPlan) => void;
}

/**
 * Brings the ConfigMaps of one InferenceService in sync with its TrainedModels. Level-based: it reads the whole state
 * and needs no history, so it may be called at any time, any number of times.
 *
 * Resolves with the decision; undefined, without a decision, while the InferenceService is being deleted.
 * @throws {MmsError} retryable ones are to be tried again; {@link ForeignConfigMapError} and {@link
 * ConfigMapRefusedError} need the user
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
  // The garbage collector deletes the ConfigMap with its owner; a write would race with it.
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
      // A ConfigMap existed that no watch shows, and it has less room than a new one.
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

/** An error that lasts until something else changes, and so is worth reporting. */
function isRefusal(thrown: unknown): thrown is MmsError {
  return thrown instanceof ForeignConfigMapError || thrown instanceof ConfigMapRefusedError;
}

/** False when an existing ConfigMap has less room than planned; it is then not written. */
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

/** Returns a ConfigMap that was not known and has too little room; undefined when it was written. */
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
    // A ConfigMap of KServe's or a user's, which the watch does not show because it lacks our label. It is adopted.
    const found = await writer.read(key);
    const wanted = byteLength(encodeModelConfig(shard.models)) + byteLength(shard.residency ?? '');
    if (modelsCapacityOf(found) < wanted) return found;
    change = configMapChange(inferenceService, shard, found);
  }
  switch (change.kind) {
    case 'none':
      return undefined;
    case 'replace':
      if (known !== undefined && isIncomplete(known)) throw new ConfigMapRefusedError(tooManyKeys(key));
      await writer.replace(change.configMap);
      logger.info({ ...fields, because: change.because }, 'ConfigMap written');
      return undefined;
    case 'create':
      throw new ConfigMapVanishedError(`ConfigMap ${key} was deleted in the meantime; retrying`);
    case 'conflict':
      throw new ForeignConfigMapError(change.message);
  }
}

/** The keys of others were not read, and a write would delete them. */
function tooManyKeys(key: ObjectKey): string {
  return `ConfigMap ${key} has more keys than the manager reads; remove keys other than models.json`;
}

/** Another client deleted a ConfigMap between two of our requests. */
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
