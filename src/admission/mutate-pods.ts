import type { AdmissionDecision, AdmissionRequest } from './admission-review.decide.ts';
import type { ObjectCache, ObjectKey } from '../contract/kubernetes.ts';
import { considerPod, inject } from '../contract/agent-injection.ts';
import type { InjectionCandidate, InjectionDecision } from '../contract/agent-injection.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import { INFERENCE_SERVICE_LABEL } from '../contract/names.ts';
import { objectKey } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import { patchBetween } from './pod-patch.decide.ts';
import { isPod, podFault } from '../contract/pod.ts';
import type { Pod } from '../contract/pod.ts';
import { credentialsFor, secretNamedBy } from '../contract/credential-lookup.ts';
import type { CredentialLookup } from '../contract/credential-lookup.ts';
import { loggerAccountOf } from '../contract/payload-agent.ts';
import type { SystemConfig } from '../contract/system-config.ts';
import { canBeInferenceService } from '../contract/trained-model.ts';
import type { PodCredentials, WantedCredentials } from './pod-credentials.ts';

export interface MutatePodsOptions {
  readonly inferenceServices: ObjectCache<InferenceService>;
  /** One GET, for an InferenceService that is not in the cache yet; undefined when it does not exist. */
  readonly readInferenceService: (key: ObjectKey) => Promise<InferenceService | undefined>;
  readonly credentials: PodCredentials;
  readonly systemConfig: () => SystemConfig;
  /**
   * Whether only the API server can have sent a review. Any other caller learns whether the pod gets the agent, which
   * the patch shows anyway, and nothing more about other objects.
   */
  readonly callerIsKnown: boolean;
  readonly logger: Logger;
  /** Called with each decision, for metrics. */
  readonly observe: (decision: Pick<InjectionDecision, 'outcome' | 'reason'>) => void;
}

/** Handles the reviews of new pods, at `/mutate-pods`. */
export function mutatePods(
  options: MutatePodsOptions,
): (request: AdmissionRequest) => Promise<AdmissionDecision> {
  return async (request) => {
    const { object } = request;
    if (request.kind.kind !== 'Pod' || request.operation !== 'CREATE') return notForUs(request);
    if (!isPod(object)) {
      const fault = podFault(object) ?? 'the object';
      return unreadable(`the object is not a pod that can be read: ${fault} is missing or malformed`);
    }
    // The request has the namespace; the pod may not have it yet.
    const namespace = request.namespace ?? object.metadata.namespace ?? '';
    const considered = considerPod(object, options.systemConfig());
    const misnamed = considered.kind === 'skip' ? undefined : misnamedField(considered.candidate, namespace);
    if (misnamed !== undefined) {
      return unreadable(`${misnamed} cannot be a name; use at most 253 letters, digits, "-", "_" and "."`);
    }
    const decision =
      considered.kind === 'skip'
        ? considered.decision
        : await decide(considered.candidate, namespace, options);
    options.observe(decision);
    const { outcome, reason, message } = decision;
    options.logger.debug({ pod: shownName(object, namespace), outcome, reason }, message);
    return answer(object, options.callerIsKnown ? decision : withoutOthers(decision, object));
  };
}

function shownName({ metadata }: Pod, namespace: string): string {
  return `${namespace}/${metadata.name ?? metadata.generateName ?? ''}`;
}

function unreadable(message: string): AdmissionDecision {
  return { kind: 'denied', code: 400, reason: 'BadRequest', message };
}

/** Kubernetes' rule for a label's value. Each of the names below is one, or must fit into one. */
const NAME = /^[a-z0-9](?:[\w.-]{0,251}[a-z0-9])?$/i;

/** The field that is about to be used for a lookup and is not a valid name. */
function misnamedField({ inferenceService, raw }: InjectionCandidate, namespace: string): string | undefined {
  const { serviceAccountName } = raw.spec;
  const fields = [
    ['the namespace of the request', namespace],
    [`the label ${INFERENCE_SERVICE_LABEL}`, inferenceService],
    [
      'spec.serviceAccountName',
      serviceAccountName == null || serviceAccountName === '' ? 'default' : serviceAccountName,
    ],
  ] as const;
  return fields.find(([, name]) => !NAME.test(name))?.[0];
}

/** Hides whether an InferenceService is missing or not multi-model; statements about the pod alone stay. */
function withoutOthers(decision: InjectionDecision, pod: Pod): InjectionDecision {
  const { reason } = decision;
  if (reason !== 'InferenceServiceNotFound' && reason !== 'NotMMSPredictor') return decision;
  // The pod itself shows that its InferenceService's name is invalid, so this discloses nothing.
  if (!canBeInferenceService(pod.metadata.labels?.[INFERENCE_SERVICE_LABEL] ?? '')) return decision;
  const message = 'the pod gets no agent; mms explain says why';
  return { ...decision, reason: 'NotMMSPredictor', message, warnings: [] };
}

/** Our rules cover only the creation of pods; anything else is allowed unchanged. */
function notForUs(request: AdmissionRequest): AdmissionDecision {
  const message = `${request.operation} of ${request.kind.kind} is none of the agent webhook's business`;
  return { kind: 'allowed', auditAnnotations: { reason: 'NotAPodCreation', message } };
}

/** Looks up the facts that a candidate's decision needs, and decides. */
async function decide(
  candidate: InjectionCandidate,
  namespace: string,
  options: MutatePodsOptions,
): Promise<InjectionDecision> {
  const { raw: pod, system } = candidate;
  const key = objectKey(namespace, candidate.inferenceService);
  const inferenceService = canBeInferenceService(candidate.inferenceService)
    ? (options.inferenceServices.get(key) ?? (await options.readInferenceService(key)))
    : undefined;
  const serviceAccountName = pod.spec.serviceAccountName || undefined;
  const named = secretNamedBy(pod, system.credentials);
  const accountName = loggerAccountOf({ pod, inferenceService, settings: system.logger });
  const [lookup, logger] = await Promise.all([
    options.credentials.of({ namespace, serviceAccountName, named }),
    accountName === undefined
      ? undefined
      : loggerLookup(options.credentials, { namespace, named, accountName }),
  ]);
  const { parts, warnings, refusal } = credentialsFor(
    logger === undefined ? lookup : { ...lookup, logger },
    system.credentials,
  );
  const decision = inject(candidate, {
    ...{ inferenceService, credentials: parts },
    credentialWarnings: options.callerIsKnown ? warnings : [],
    ...(refusal === undefined ? {} : { credentialRefusal: refusal }),
  });
  // A warning that not every caller may see is logged at least.
  if (!options.callerIsKnown && decision.outcome === 'inject') {
    for (const warning of warnings) options.logger.info({ pod: shownName(pod, namespace) }, warning);
  }
  return decision;
}

/** An account with an invalid name is not looked up. */
async function loggerLookup(
  credentials: PodCredentials,
  {
    accountName,
    ...wanted
  }: Omit<WantedCredentials, 'serviceAccountName'> & { readonly accountName: string },
): Promise<CredentialLookup['logger']> {
  if (!NAME.test(accountName)) return { accountName, account: undefined, secrets: [], missing: [] };
  return { accountName, ...(await credentials.of({ ...wanted, serviceAccountName: accountName })) };
}

function answer(raw: Pod, { outcome, reason, message, warnings, pod }: InjectionDecision): AdmissionDecision {
  const notes = { auditAnnotations: { reason, message }, warnings };
  if (outcome === 'refuse') return { kind: 'denied', code: 422, reason: 'Invalid', message, ...notes };
  if (pod === raw) return { kind: 'allowed', ...notes };
  return { kind: 'patched', patch: patchBetween(raw, pod), ...notes };
}
