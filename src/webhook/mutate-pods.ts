import jsonPatch from 'fast-json-patch';
import type { AdmissionDecision, AdmissionRequest } from '../core/admission.ts';
import type { ObjectCache } from '../core/cache.ts';
import { candidacyOf, decideInjection } from '../core/agent-injection.ts';
import type { InjectionDecision } from '../core/agent-injection.ts';
import type { InferenceService } from '../core/inference-service.ts';
import { objectKey } from '../core/kubernetes.ts';
import type { ObjectKey } from '../core/kubernetes.ts';
import type { Logger } from '../core/log.ts';
import { isPod } from '../core/pod.ts';
import type { Pod } from '../core/pod.ts';
import { credentialsFor, secretNamedBy } from '../core/credential-lookup.ts';
import type { SystemConfig } from '../core/system-config.ts';
import type { PodCredentials } from './pod-credentials.ts';

export interface MutatePodsOptions {
  readonly inferenceServices: ObjectCache<InferenceService>;
  /** One GET, for an InferenceService that the cache does not know yet; undefined when there is none. */
  readonly readInferenceService: (key: ObjectKey) => Promise<InferenceService | undefined>;
  readonly credentials: PodCredentials;
  readonly systemConfig: () => SystemConfig;
  readonly logger: Logger;
  /** Told of each decision, for metrics. */
  readonly observe: (decision: Pick<InjectionDecision, 'outcome' | 'reason'>) => void;
}

/** Answers the reviews of pods that are about to be created, at `/mutate-pods`. */
export function mutatePods(
  options: MutatePodsOptions,
): (request: AdmissionRequest) => Promise<AdmissionDecision> {
  return async (request) => {
    const { object } = request;
    if (request.kind.kind !== 'Pod' || request.operation !== 'CREATE') return notForUs(request);
    if (!isPod(object)) {
      const message =
        'the object is not a pod that can be read: metadata or spec.containers is missing or malformed';
      return { kind: 'denied', code: 400, reason: 'BadRequest', message };
    }
    // The namespace stands in the request; in the pod it may be missing still.
    const namespace = request.namespace ?? object.metadata.namespace ?? '';
    const decision = await decide(object, namespace, options);
    options.observe(decision);
    const pod = `${namespace}/${object.metadata.name ?? object.metadata.generateName ?? ''}`;
    options.logger.debug({ pod, outcome: decision.outcome, reason: decision.reason }, decision.message);
    return answer(object, decision);
  };
}

/** Our rules ask for the creation of pods only; whatever else is sent is let through as it is. */
function notForUs(request: AdmissionRequest): AdmissionDecision {
  const message = `${request.operation} of ${request.kind.kind} is none of the agent webhook's business`;
  return { kind: 'allowed', auditAnnotations: { reason: 'NotAPodCreation', message } };
}

async function decide(pod: Pod, namespace: string, options: MutatePodsOptions): Promise<InjectionDecision> {
  const system = options.systemConfig();
  const candidacy = candidacyOf(pod);
  if (candidacy.kind === 'skip') {
    return decideInjection({ pod, inferenceService: undefined, system, credentials: [] });
  }
  const key = objectKey(namespace, candidacy.inferenceService);
  const inferenceService = options.inferenceServices.get(key) ?? (await options.readInferenceService(key));
  const { serviceAccountName } = pod.spec;
  const named = secretNamedBy(pod, system.credentials);
  const lookup = await options.credentials.of({ namespace, serviceAccountName, named });
  const { parts, warnings, refusal } = credentialsFor(lookup, system.credentials);
  return decideInjection({
    ...{ pod, inferenceService, system, credentials: parts, credentialWarnings: warnings },
    ...(refusal === undefined ? {} : { credentialRefusal: refusal }),
  });
}

function answer(raw: Pod, { outcome, reason, message, warnings, pod }: InjectionDecision): AdmissionDecision {
  const notes = { auditAnnotations: { reason, message }, warnings };
  if (outcome === 'refuse') return { kind: 'denied', code: 422, reason: 'Invalid', message, ...notes };
  if (pod === raw) return { kind: 'allowed', ...notes };
  return { kind: 'patched', patch: jsonPatch.compare(raw, pod), ...notes };
}
