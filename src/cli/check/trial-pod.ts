import type { PodTrial } from './installed-checks.decide.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import {
  COMPONENT_LABEL,
  CONTAINERS,
  INFERENCE_SERVICE_LABEL,
  PREDICTOR_COMPONENT,
} from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { PODS } from '../../kube/resources.ts';

/**
 * No InferenceService can have this name, so the webhook, and no other, warns of it, also where it does not know its caller:
 * the warning discloses no object.
 */
const INFERENCE_SERVICE = 'mms-check_no-such-service';

/**
 * Creates a pod as a dry run, which goes through admission and no further, and says whether the webhook has seen it.
 *
 * @param warnings what the API server warned this client of so far; the client adds to it
 * @throws {ApiError} when the trial says nothing: no right to create pods, a quota, another policy
 */
export async function tryPod(
  client: ApiClient,
  namespace: string,
  warnings: readonly string[],
): Promise<PodTrial> {
  const isSeen = (): boolean => warnings.some((warning) => warning.includes(INFERENCE_SERVICE));
  try {
    await client.create(PODS, trialPod(namespace), { dryRun: true });
  } catch (thrown) {
    // A refusal by another plugin after the webhook has let it pass is another matter.
    if (isSeen()) return { kind: 'seen' };
    // So a call of a webhook that fails is answered; a refusal has another status.
    if (isApiError(thrown, 'API_SERVER_ERROR')) return { kind: 'failed', message: thrown.message };
    throw thrown;
  }
  return isSeen() ? { kind: 'seen' } : { kind: 'unseen', namespace };
}

/** One that the Pod Security Standard "restricted" and a quota let in. */
function trialPod(namespace: string): KubernetesObject {
  const labels = { [INFERENCE_SERVICE_LABEL]: INFERENCE_SERVICE, [COMPONENT_LABEL]: PREDICTOR_COMPONENT };
  const little = { cpu: '1m', memory: '1Mi' };
  const container = {
    name: CONTAINERS.modelServer,
    image: 'mms-check-trial',
    resources: { requests: little, limits: little },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  return {
    metadata: { name: 'mms-check-trial', namespace, labels },
    spec: { containers: [container], securityContext, automountServiceAccountToken: false },
  } as KubernetesObject;
}
