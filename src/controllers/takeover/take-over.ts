import { MmsError } from '../../lib/errors.ts';
import { takeoverSteps } from '../../contract/kserve-controller.ts';
import type { TakeoverInput, TakeoverStep } from '../../contract/kserve-controller.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { splitKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { INFERENCE_SERVICES, TRAINED_MODELS } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';

/** Objects that could not be changed; the others were. */
class TakeoverIncompleteError extends MmsError {
  readonly code = 'TAKEOVER_INCOMPLETE';
  readonly retryable = true;
}

interface TakeOverDependencies {
  readonly client: ApiClient;
  readonly logger: Logger;
}

/** The most objects that one run changes; after each run models.json comes first again. */
const BATCH = 50;

/**
 * Makes the changes of KServe's controller on an InferenceService and its TrainedModels; see {@link takeoverSteps}.
 * Resolves with whether more remain, which need another call.
 * @throws {TakeoverIncompleteError} when the API server, or an admission webhook, refused some of them
 */
export async function takeOver(
  key: ObjectKey,
  input: TakeoverInput,
  { client, logger }: TakeOverDependencies,
): Promise<boolean> {
  const steps = takeoverSteps(input);
  let changedMeanwhile = false;
  const refused: { step: TakeoverStep; thrown: unknown }[] = [];
  for (const step of steps.slice(0, BATCH)) {
    try {
      await patch(client, splitKey(key).namespace, step);
    } catch (thrown) {
      // For example by a write of status, which causes no event that would trigger another reconcile.
      if (isApiError(thrown, 'API_CONFLICT')) changedMeanwhile = true;
      else refused.push({ step, thrown });
    }
  }
  if (steps.length > 0) {
    const models = Math.min(steps.length, BATCH) - refused.length;
    logger.info({ key, models }, "took over KServe's finalizers and labels");
  }
  const [first] = refused;
  if (first !== undefined) {
    throw new TakeoverIncompleteError(
      `${refused.length} objects of InferenceService ${key} still have KServe's finalizers or labels, ` +
        `the first of them ${first.step.kind} ${first.step.name}; ` +
        `where KServe's webhooks are registered its manager must run to answer them`,
      { cause: first.thrown },
    );
  }
  return changedMeanwhile || steps.length > BATCH;
}

async function patch(client: ApiClient, namespace: string, step: TakeoverStep): Promise<void> {
  const resource: Resource = step.kind === 'TrainedModel' ? TRAINED_MODELS : INFERENCE_SERVICES;
  try {
    await client.patch(resource, { namespace, name: step.name }, { type: 'merge', body: step.patch });
  } catch (thrown) {
    if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
  }
}
