import { valueOf } from '../lib/lookup.ts';
import { MODEL_LOADED, conditionOf } from '../contract/trained-model-status.ts';
import type { Condition, TrainedModelStatus } from '../contract/trained-model-status.ts';
import { broken, explanation, guess, ok, unknown } from './chain.decide.ts';
import type { Explanation, Step, StepResult } from './chain.decide.ts';
import type { ServiceFacts } from './facts.decide.ts';
import { checkLease, undefinedKind } from './installation-steps.decide.ts';
import {
  checkConfigMapOurs,
  checkMultiModel,
  checkPodsReady,
  checkServiceKept,
  pendingChange,
  planOf,
  podSteps,
} from './predictor-steps.decide.ts';
import { payloadSteps } from './payload-steps.decide.ts';
import { residencySteps } from './residency-steps.decide.ts';
import { checkReady, checkServiceLeads, checkServiceOurs } from './service-steps.decide.ts';

const MODELS_NAMED = 10;

/** Whether an InferenceService serves its models, and which of them it does not serve. */
export function explainInferenceService(facts: ServiceFacts): Explanation {
  const { namespace, name, installation, now } = facts;
  const service = valueOf(facts.inferenceService);
  const plan = planOf(facts, installation);
  const change = pendingChange(facts, plan);
  const steps: Step[] = [
    ['inference-service-found', () => checkThere(facts)],
    ['inference-service-kept', () => checkServiceKept(service)],
    ['multi-model', () => checkMultiModel(service)],
    ['manager-leads', () => checkLease(installation, now)],
    ['config-map-ours', () => checkConfigMapOurs(change)],
    ['service-ours', () => checkServiceOurs(facts)],
    ...podSteps(facts),
    ['models-loaded', () => checkModels(facts)],
    ['pods-ready', () => checkPodsReady(facts, false)],
    ['service-leads', () => checkServiceLeads(facts)],
    ...residencySteps(facts),
    ...payloadSteps(facts),
    ['inference-service-ready', () => checkReady(service)],
  ];
  return explanation({ kind: 'InferenceService', namespace, name }, steps);
}

function checkThere({ inferenceService, name, namespace, near, defined }: ServiceFacts): StepResult {
  if (!defined) return undefinedKind('InferenceService');
  if (inferenceService.kind === 'unreadable') return unknown(inferenceService.why);
  return inferenceService.value === undefined
    ? broken(`there is no InferenceService ${name} in namespace ${namespace}${guess(near)}`)
    : ok('the InferenceService is there');
}

function checkModels({ trainedModels, namespace }: ServiceFacts): StepResult {
  if (trainedModels.kind === 'unreadable')
    return unknown(`TrainedModels cannot be read: ${trainedModels.why}`);
  const { length } = trainedModels.value;
  if (length === 0) return ok('no TrainedModel names it');
  const reported = trainedModels.value.flatMap(({ metadata, status }) => {
    const condition = conditionOf(status as TrainedModelStatus | undefined, MODEL_LOADED);
    return condition === undefined ? [] : [{ name: metadata.name, condition }];
  });
  const missing = reported.filter(({ condition }) => condition.status !== 'True');
  const first = missing[0]?.name ?? '';
  const not = missing.map(inWords);
  if (not.length === 0) {
    return reported.length === length
      ? ok(`all ${length} models are loaded`)
      : unknown(`${length - reported.length} of ${length} models have no report of whether they are loaded`);
  }
  const more = not.length > MODELS_NAMED ? `; and ${not.length - MODELS_NAMED} more` : '';
  return broken(
    `${not.length} of ${length} models are not loaded: ${not.slice(0, MODELS_NAMED).join('; ')}${more}`,
    `mms explain tm/${first} -n ${namespace}${not.length > 1 ? ', and the same for the others' : ''}`,
  );
}

function inWords({ name, condition }: { readonly name: string; readonly condition: Condition }): string {
  const { reason = '', message = '' } = condition;
  return `${name} (${[reason, message].filter((text) => text !== '').join(': ')})`;
}
