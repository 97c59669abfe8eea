import type { AdmissionDecision, AdmissionRequest } from './admission-review.decide.ts';
import { messageOf } from '../lib/errors.ts';
import { isRecord } from '../lib/json.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import { faultsOf, warningsOf } from '../contract/trained-model-admission.ts';
import type { Surroundings } from '../contract/trained-model-admission.ts';
import { pinDoubt } from '../contract/residency.ts';
import { canBeInferenceService, inferenceServiceOf } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';

interface ValidateTrainedModelsOptions {
  /** The state around a model that is about to be stored; its metadata has `namespace`. */
  readonly surroundings: (model: TrainedModel) => Promise<Surroundings>;
  readonly allowMemoryChanges: boolean;
  /** Whether only the API server can have sent a review. Any other caller learns nothing about InferenceServices or memory. */
  readonly callerIsKnown: boolean;
  readonly logger: Logger;
}

/** Handles the reviews of TrainedModels, at `/validate-trainedmodels`. */
export function validateTrainedModels(
  options: ValidateTrainedModelsOptions,
): (request: AdmissionRequest) => Promise<AdmissionDecision> {
  return async (request) => {
    const { kind, operation } = request;
    if (kind.kind !== 'TrainedModel' || (operation !== 'CREATE' && operation !== 'UPDATE')) {
      // Deletions are always allowed, as in KServe's webhook.
      return { kind: 'allowed' };
    }
    const model = modelOf(request.object, request);
    if (model === undefined) {
      const message = 'the object is not a TrainedModel that can be read: metadata or spec is malformed';
      return { kind: 'denied', code: 400, reason: 'BadRequest', message };
    }
    const previous = operation === 'UPDATE' ? modelOf(request.oldObject, request) : undefined;
    const faults = faultsOf({ model, previous, allowMemoryChanges: options.allowMemoryChanges });
    if (faults.length > 0) {
      const codes = faults.map(({ code }) => code).join(',');
      const message = faults.map((fault) => fault.message).join('; ');
      return { kind: 'denied', code: 422, reason: 'Invalid', message, auditAnnotations: { reason: codes } };
    }
    // The model itself shows that its InferenceService's name is invalid, so this discloses nothing.
    const mayKnow = options.callerIsKnown || !canBeInferenceService(inferenceServiceOf(model) ?? '');
    const pin = pinDoubt(model.metadata.annotations);
    const own = pin === undefined || model.metadata.deletionTimestamp !== undefined ? [] : [pin];
    const others = mayKnow ? await warnings(model, options) : [];
    return { kind: 'allowed', warnings: [...own, ...others] };
  };
}

/** Never fail a request because a warning could not be computed. */
async function warnings(
  model: TrainedModel,
  { surroundings, logger }: ValidateTrainedModelsOptions,
): Promise<readonly string[]> {
  try {
    return warningsOf(model, await surroundings(model));
  } catch (thrown) {
    logger.warn({ error: messageOf(thrown) }, 'what is around a TrainedModel could not be looked up');
    return ['what is around the model could not be looked up just now; only the model itself was checked'];
  }
}

/** The object with the namespace and name of the request, which the object may not have yet. */
function modelOf(object: JsonObject | undefined, request: AdmissionRequest): TrainedModel | undefined {
  if (object === undefined) return undefined;
  const { metadata, spec } = object;
  if (!isRecord(metadata) || (spec !== undefined && !isRecord(spec))) return undefined;
  const model = isRecord(spec) ? spec['model'] : undefined;
  if (model !== undefined && !isRecord(model)) return undefined;
  const name = typeof metadata['name'] === 'string' ? metadata['name'] : (request.name ?? '');
  const namespace = request.namespace ?? '';
  return { ...object, metadata: { ...metadata, name, namespace } };
}
