import { decodeModelConfig, meansSameSpec } from '../contract/model-config.ts';
import type { ModelConfigPlan, WaitingReason } from '../contract/model-config-plan.ts';
import { conditionOf, MODEL_LOADED } from '../contract/trained-model-status.ts';
import type { TrainedModelStatus } from '../contract/trained-model-status.ts';
import { MODELS_JSON } from '../contract/names.ts';
import { formatBytes } from '../lib/quantity.ts';
import { faultsOf } from '../contract/trained-model-admission.ts';
import { inferenceServiceOf, readTrainedModel } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { valueOf } from '../lib/lookup.ts';
import type { Lookup } from '../lib/lookup.ts';
import { broken, explanation, guess, ok, unknown } from './chain.decide.ts';
import type { Explanation, Step, StepResult } from './chain.decide.ts';
import type { ModelFacts } from './facts.decide.ts';
import { checkLease, undefinedKind } from './installation-steps.decide.ts';
import { loadingSteps, reportedStatusOf } from './loading-steps.decide.ts';
import {
  checkConfigMapOurs,
  checkFound,
  checkMultiModel,
  checkPodsReady,
  checkServiceKept,
  pendingChange,
  planOf,
  podSteps,
} from './predictor-steps.decide.ts';

/** Why a model is not loaded: the chain from the TrainedModel to the model server, up to the first broken link. */
export function explainModel(facts: ModelFacts): Explanation {
  const { namespace, name } = facts;
  const subject = { kind: 'TrainedModel', namespace, name } as const;
  const { model } = facts;
  if (model === undefined)
    return explanation(subject, [['model-exists', () => missing(facts)], ...stepsFor(facts, PLACEHOLDER)]);
  return explanation(subject, [
    ['model-exists', () => ok('the TrainedModel is there')],
    ...stepsFor(facts, model),
  ]);
}

/** A placeholder in steps that are never reached without a model. */
const PLACEHOLDER: TrainedModel = { metadata: { name: '' } };

function missing({ name, namespace, near, defined }: ModelFacts): StepResult {
  if (!defined) return undefinedKind('TrainedModel');
  return broken(`there is no TrainedModel ${name} in namespace ${namespace}${guess(near)}`);
}

function stepsFor(facts: ModelFacts, model: TrainedModel): Step[] {
  const { installation, now, namespace } = facts;
  const service = valueOf(facts.inferenceService);
  const plan = planOf(facts, installation);
  const change = pendingChange(facts, plan);
  const reported = reportedStatusOf(model);
  return [
    ['model-valid', () => checkValid(model, reported.condition?.status === 'True')],
    ['model-kept', () => checkKept(model)],
    [
      'inference-service-found',
      () =>
        checkFound(facts.inferenceService, inferenceServiceOf(model) ?? '', namespace, facts.nearServices),
    ],
    ['inference-service-kept', () => checkServiceKept(service)],
    ['multi-model', () => checkMultiModel(service)],
    ['memory-fits', () => checkMemory(model, plan)],
    ['fits-in-config-map', () => checkRoom(model, plan)],
    ['manager-leads', () => checkLease(installation, now)],
    ['config-map-ours', () => checkConfigMapOurs(change)],
    ['in-models-json', () => checkPlaced(facts, model)],
    ...podSteps(facts),
    ['pods-ready', () => checkPodsReady(facts, reported.condition?.reason === 'Failed')],
    ...loadingSteps(model, reported, service),
  ];
}

/** A loaded model proves that its URI works, whatever the rules say. */
function checkValid(model: TrainedModel, loaded: boolean): StepResult {
  const reading = readTrainedModel(model);
  if (reading.kind === 'unusable') return broken(reading.message);
  const faults = loaded ? [] : faultsOf({ model, previous: undefined, allowMemoryChanges: true });
  if (faults.length > 0) return broken(faults.map(({ message }) => message).join('; '));
  return ok(
    `${reading.entry.modelSpec.storageUri}, ${reading.entry.modelSpec.framework}, ${formatBytes(reading.memory)}`,
  );
}

function checkKept({ metadata }: TrainedModel): StepResult {
  const { deletionTimestamp, finalizers = [] } = metadata;
  if (deletionTimestamp === undefined) return ok('it is not being deleted');
  const held = finalizers.length === 0 ? '' : `; it waits for ${finalizers.join(', ')}`;
  return broken(`the TrainedModel has been terminating since ${deletionTimestamp}${held}`);
}

function waitingFor(
  { metadata }: TrainedModel,
  plan: ModelConfigPlan,
  reason: WaitingReason,
): string | undefined {
  return plan.waiting.find((waiting) => waiting.name === metadata.name && waiting.reason === reason)?.message;
}

function checkMemory(model: TrainedModel, plan: Lookup<ModelConfigPlan>): StepResult {
  if (plan.kind === 'unreadable') return unknown(UNREAD);
  const waiting = waitingFor(model, plan.value, 'MemoryResourceNotAvailable');
  if (waiting !== undefined) return broken(waiting);
  const { used, limit } = plan.value.memory;
  return ok(
    limit === undefined
      ? 'the predictor has no memory limit, so all fit'
      : `it fits: ${formatBytes(used)} of ${formatBytes(limit)} are taken`,
  );
}

function checkRoom(model: TrainedModel, plan: Lookup<ModelConfigPlan>): StepResult {
  if (plan.kind === 'unreadable') return unknown(UNREAD);
  const waiting = waitingFor(model, plan.value, 'ConfigMapFull');
  return waiting === undefined ? ok(`${MODELS_JSON} has room for it`) : broken(waiting);
}

/** The manager's report of a write that was refused. */
function notWritten(model: TrainedModel): string | undefined {
  const condition = conditionOf(model.status as TrainedModelStatus | undefined, MODEL_LOADED);
  const reason: WaitingReason = 'ConfigMapNotWritten';
  return condition?.reason === reason ? condition.message : undefined;
}

const UNREAD = 'InferenceService and TrainedModels could not both be read';

function checkPlaced({ configMap }: ModelFacts, model: TrainedModel): StepResult {
  if (configMap.kind === 'unreadable') return unknown(`the ConfigMap cannot be read: ${configMap.why}`);
  if (configMap.value === undefined)
    return broken(notWritten(model) ?? 'the ConfigMap is not there yet, though a manager leads');
  const { name } = configMap.value.metadata;
  const { models, faults } = decodeModelConfig(configMap.value.data?.[MODELS_JSON] ?? '');
  const entry = models.find(({ modelName }) => modelName === model.metadata.name);
  const reading = readTrainedModel(model);
  if (entry === undefined) {
    const refused = notWritten(model);
    if (refused !== undefined) return broken(refused);
    const damage = faults[0] === undefined ? '' : ` (${MODELS_JSON} is damaged: ${faults[0].message})`;
    return broken(`ConfigMap ${name} does not name the model yet, though a manager leads${damage}`);
  }
  if (reading.kind === 'usable' && !meansSameSpec(entry.modelSpec, reading.entry.modelSpec))
    return broken(notWritten(model) ?? `ConfigMap ${name} still has an earlier version of the model`);
  return ok(`ConfigMap ${name} names it`);
}
