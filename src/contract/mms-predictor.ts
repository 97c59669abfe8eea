import { implementationOf, isCustomPredictor } from './inference-service.ts';
import type { ImplementationField, Predictor } from './inference-service.ts';
import { isRecord } from '../lib/json.ts';

/** Why a predictor is or is not multi-model. The codes are stable; {@link describeMmsDecision} has the sentences. */
type MmsReason =
  | { readonly code: 'CustomPredictorOptsIn' }
  | { readonly code: 'CustomPredictorDoesNotOptIn' }
  | { readonly code: 'NoStorage'; readonly field: ImplementationField }
  | { readonly code: 'NoPredictor' }
  | { readonly code: 'NoImplementation' }
  | { readonly code: 'HuggingFace'; readonly field: ImplementationField }
  | { readonly code: 'HasStorageUri'; readonly field: ImplementationField }
  | { readonly code: 'HasStorage'; readonly field: ImplementationField }
  | { readonly code: 'HasStorageUris' };

export interface MmsDecision {
  readonly isMms: boolean;
  /** Every reason against it, or the one reason for it. */
  readonly reasons: readonly MmsReason[];
}

/** The variable with which a predictor with its own containers declares that it serves many models. */
const MULTI_MODEL_SERVER_ENV = 'MULTI_MODEL_SERVER';

/**
 * KServe's IsMMSPredictor (`pkg/controller/v1beta1/inferenceservice/utils`), with its reasons. For a predictor without
 * any implementation, where KServe would crash, the answer is no.
 */
export function isMMSPredictor(predictor: Predictor | undefined): MmsDecision {
  if (!isRecord(predictor)) return no({ code: 'NoPredictor' });
  if (isCustomPredictor(predictor)) return customPredictor(predictor);
  const found = implementationOf(predictor);
  if (found === undefined) return no({ code: 'NoImplementation' });
  const { field, implementation } = found;
  const against: MmsReason[] = [];
  if (isSet(predictor['huggingface'])) against.push({ code: 'HuggingFace', field: 'huggingface' });
  else if (formatNameOf(predictor['model']) === 'huggingface')
    against.push({ code: 'HuggingFace', field: 'model' });
  // KServe compares with nil. An empty URI names no storage either, and counts as absent here.
  if (isSet(implementation.storageUri) && implementation.storageUri !== '') {
    against.push({ code: 'HasStorageUri', field });
  }
  if (isSet(implementation.storage)) against.push({ code: 'HasStorage', field });
  if (Array.isArray(predictor.storageUris) && predictor.storageUris.length > 0)
    against.push({ code: 'HasStorageUris' });
  return against.length > 0 ? no(...against) : { isMms: true, reasons: [{ code: 'NoStorage', field }] };
}

function customPredictor(predictor: Predictor): MmsDecision {
  // Only the first container counts, and only a literal "true".
  const first: unknown = predictor.containers?.[0];
  const env: unknown = isRecord(first) ? first['env'] : undefined;
  const optsIn =
    Array.isArray(env) &&
    env.some(
      (entry) => isRecord(entry) && entry['name'] === MULTI_MODEL_SERVER_ENV && entry['value'] === 'true',
    );
  return optsIn
    ? { isMms: true, reasons: [{ code: 'CustomPredictorOptsIn' }] }
    : no({ code: 'CustomPredictorDoesNotOptIn' });
}

function no(...reasons: MmsReason[]): MmsDecision {
  return { isMms: false, reasons };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function formatNameOf(model: unknown): unknown {
  return (model as { modelFormat?: { name?: unknown } | null } | null | undefined)?.modelFormat?.name;
}

/** One sentence for the user, in admission responses, logs, conditions and the command line. */
export function describeMmsDecision(decision: MmsDecision): string {
  return decision.reasons.map(describeReason).join('; ');
}

function describeReason(reason: MmsReason): string {
  switch (reason.code) {
    case 'CustomPredictorOptsIn':
      return `the first container of the custom predictor sets ${MULTI_MODEL_SERVER_ENV}=true`;
    case 'CustomPredictorDoesNotOptIn':
      return `the first container of the custom predictor does not set ${MULTI_MODEL_SERVER_ENV}=true`;
    case 'NoStorage':
      return `predictor.${reason.field} names no storage of its own`;
    case 'NoPredictor':
      return 'spec.predictor is missing';
    case 'NoImplementation':
      return 'the predictor has neither containers nor a model format';
    case 'HuggingFace':
      return `predictor.${reason.field} is of the huggingface format, which serves a single model`;
    case 'HasStorageUri':
      return `predictor.${reason.field}.storageUri is set, so it serves that one model`;
    case 'HasStorage':
      return `predictor.${reason.field}.storage is set, so it serves that one model`;
    case 'HasStorageUris':
      return 'predictor.storageUris is set, so it serves those models';
  }
}
