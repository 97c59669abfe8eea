import { seconds } from '../lib/clock.ts';
import { memoryLimitOf } from '../contract/inference-service.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import { keyOf, splitKey } from '../contract/kubernetes.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import { namesPlaced } from '../contract/model-config-map.ts';
import { MODELS_JSON_CAPACITY, planModelConfig, precedenceIn } from '../contract/model-config-plan.ts';
import type { PlanInput, WaitingModel } from '../contract/model-config-plan.ts';
import { keyOfTrainedModel } from '../contract/reconcile-keys.ts';
import { readResidency } from '../contract/residency.ts';
import { residencyWarnings } from '../contract/residency-arguments.ts';
import type { Surroundings } from '../contract/trained-model-admission.ts';
import { canBeInferenceService, inferenceServiceOf, readTrainedModel } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { INFERENCE_SERVICES } from '../kube/resources.ts';
import type { AdmissionHandler } from './review-endpoint.ts';
import { validateTrainedModels } from './validate-trained-models.ts';
import type { ClusterView } from '../kube/cluster-view.ts';
import type { KServeMode } from '../contract/kserve-controller.ts';
import type { Logger } from '../lib/log.ts';
import type { SystemConfigSource } from './system-config-source.ts';

interface TrainedModelWebhookOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly systemConfig: SystemConfigSource;
  /** Whether a TrainedModel's memory may change; KServe treats it as immutable. */
  readonly allowMemoryChanges: boolean;
  /** Whether only callers with the API server's client certificate are answered. */
  readonly callerIsKnown: boolean;
  readonly kserve: KServeMode;
  readonly logger: Logger;
}

/** Well below the timeout of a call: a missing warning must not refuse the model. */
const LOOK_UP_WITHIN = seconds(1);

/**
 * The webhook for TrainedModels: it reads caches, with one GET for an InferenceService that is too new to be cached.
 */
export function trainedModelWebhook(options: TrainedModelWebhookOptions): AdmissionHandler {
  const { client, view, systemConfig } = options;
  const first = precedenceIn(options.kserve);
  async function surroundings(model: TrainedModel): Promise<Surroundings> {
    const key = keyOfTrainedModel(model);
    if (key === undefined || !canBeInferenceService(inferenceServiceOf(model) ?? ''))
      return { inferenceService: undefined, waiting: undefined, remarks: [] };
    const inferenceService =
      view.inferenceServices.cache.get(key) ??
      (await getIfThere(client, INFERENCE_SERVICES, splitKey(key), { timeout: LOOK_UP_WITHIN }));
    if (inferenceService === undefined) return { inferenceService, waiting: undefined, remarks: [] };
    const waiting = waitingFor({ model, key, inferenceService, first }, view);
    const remarks = residencyWarnings(inferenceService, systemConfig.current().kserveMode);
    return { inferenceService, waiting, remarks };
  }
  return validateTrainedModels({
    surroundings,
    allowMemoryChanges: options.allowMemoryChanges,
    callerIsKnown: options.callerIsKnown,
    logger: options.logger.child({ part: 'webhook' }),
  });
}

interface Newcomer {
  readonly model: TrainedModel;
  readonly key: ObjectKey;
  readonly inferenceService: InferenceService;
  readonly first: PlanInput['first'];
}

/** The plan takes time for each model, so it is made only if all models together exceed the memory. */
function waitingFor(newcomer: Newcomer, view: ClusterView): WaitingModel | undefined {
  const { model, key, inferenceService } = newcomer;
  // If models sleep, the memory of the others keeps none out.
  if (readResidency(inferenceService.metadata.annotations).kind === 'on-demand')
    return waitingAmong([], newcomer, view);
  const limit = memoryLimitOf(inferenceService);
  const reading = readTrainedModel(model);
  if (limit === undefined || reading.kind === 'unusable') return undefined;
  const stored = view.trainedModels.cache.get(keyOf(model));
  const counted =
    stored !== undefined && keyOfTrainedModel(stored) === key ? readTrainedModel(stored) : undefined;
  const already = counted?.kind === 'usable' ? counted.memory : 0n;
  if (view.memoryByKey.sumOf(key) - already + reading.memory <= limit) return undefined;
  const others = [...view.trainedModelsByKey.group(key)].filter((other) => keyOf(other) !== keyOf(model));
  return waitingAmong(others, newcomer, view);
}

function waitingAmong(
  others: readonly TrainedModel[],
  { model, key, inferenceService, first }: Newcomer,
  view: ClusterView,
): WaitingModel | undefined {
  const plan = planModelConfig({
    inferenceService,
    trainedModels: [...others, asNewest(model)],
    placed: namesPlaced(view.modelConfigsByKey.group(key)),
    first,
    capacity: MODELS_JSON_CAPACITY,
  });
  return plan.waiting.find(({ name }) => name === model.metadata.name);
}

/** An object under review has a creation time already, but a dry run of an existing one has the stored time. */
function asNewest(model: TrainedModel): TrainedModel {
  const { creationTimestamp = '9999-12-31T23:59:59Z' } = model.metadata;
  return { ...model, metadata: { ...model.metadata, creationTimestamp } };
}
