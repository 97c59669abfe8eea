import { checkPod } from '../contract/agent-injection.ts';
import type { PodCheck } from '../contract/agent-injection.ts';
import { valueOf } from '../lib/lookup.ts';
import { INFERENCE_SERVICE_LABEL } from '../contract/names.ts';
import { isPod } from '../contract/pod.ts';
import { broken, explanation, guess, ok, unknown } from './chain.decide.ts';
import type { Explanation, Step, StepResult } from './chain.decide.ts';
import type { PodFacts, RawPod } from './facts.decide.ts';
import { checkNamespace, checkReached, checkRegistered, checkTrusted } from './installation-steps.decide.ts';
import { injectionStateOf } from './pod-state.decide.ts';
import { checkFound, checkMultiModel, checkPodsReady, checkPodsRun } from './predictor-steps.decide.ts';

/** Why a pod has no agent: from its label to the webhook's decision on this very pod. */
export function explainPod(facts: PodFacts): Explanation {
  const { namespace, name, pod, near } = facts;
  const subject = { kind: 'Pod', namespace, name } as const;
  const exists = (): StepResult =>
    pod === undefined
      ? broken(`there is no pod ${name} in namespace ${namespace}${guess(near)}`)
      : ok('the pod is there');
  return explanation(subject, [['pod-exists', exists], ...stepsFor(facts, pod ?? { metadata: { name } })]);
}

function stepsFor(facts: PodFacts, pod: RawPod): Step[] {
  const { inferenceService, namespace } = facts;
  const candidacy = isPod(pod) ? checkPod(pod) : undefined;
  const service = valueOf(inferenceService);
  const name = pod.metadata.labels?.[INFERENCE_SERVICE_LABEL] ?? '';
  const injected = injectionStateOf(pod, service).kind === 'injected';
  return [
    [
      'pod-labelled',
      () => unless(candidacy, 'NoInferenceServiceLabel', `it belongs to InferenceService ${name}`),
    ],
    ['pod-is-predictor', () => unless(candidacy, 'NotPredictor', 'it is a pod of the predictor')],
    ['pod-not-opted-out', () => unless(candidacy, 'OptedOut', 'it does not opt out')],
    ['inference-service-found', () => checkFound(inferenceService, name, namespace)],
    ['multi-model', () => checkMultiModel(service)],
    ...(injected ? [] : bareSteps(facts, pod)),
    ['pod-injected', () => checkInjected(pod, facts)],
    ['pods-run', () => checkPodsRun({ pods: { kind: 'known', value: [pod] } })],
    ['pods-ready', () => checkPodsReady({ pods: { kind: 'known', value: [pod] } }, false)],
  ];
}

/** Checks for a pod without an agent. A pod that was injected stays so, whatever happened to the webhook since. */
function bareSteps(facts: PodFacts, pod: RawPod): Step[] {
  const { installation, now } = facts;
  return [
    ['webhook-registered', () => checkRegistered(installation)],
    ['webhook-trusted', () => checkTrusted(installation, now)],
    ['namespace-selected', () => checkNamespace(facts, facts.namespace, installation)],
    ['webhook-answers', () => checkReached(installation)],
    ['pod-injectable', () => checkInjectable(pod, facts)],
    ['pod-newer', () => checkNewer(pod, facts)],
  ];
}

function unless(candidacy: PodCheck | undefined, reason: string, fine: string): StepResult {
  if (candidacy === undefined) return broken('the pod cannot be read');
  return candidacy.kind === 'skip' && candidacy.reason === reason ? broken(candidacy.message) : ok(fine);
}

function checkInjectable(pod: RawPod, { inferenceService }: PodFacts): StepResult {
  const state = injectionStateOf(pod, valueOf(inferenceService));
  if (inferenceService.kind === 'unreadable') return unknown('unknown without the InferenceService');
  return state.kind === 'refused' || state.kind === 'malformed'
    ? broken(state.message)
    : ok('the webhook would inject a pod like this');
}

function checkNewer(pod: RawPod, { inferenceService, installation }: PodFacts): StepResult {
  const created = Date.parse(pod.metadata.creationTimestamp ?? '');
  const isNewer = (since: string | undefined): boolean => Date.parse(since ?? '') > created;
  const service = valueOf(inferenceService);
  if (isNewer(service?.metadata.creationTimestamp))
    return broken(`the pod is older than InferenceService ${service?.metadata.name ?? ''}`);
  if (isNewer(valueOf(installation.webhook)?.metadata.creationTimestamp))
    return broken('the pod is older than the webhook: it was created before it was installed');
  return ok('the pod is newer than the webhook and the InferenceService');
}

function checkInjected(pod: RawPod, { inferenceService }: PodFacts): StepResult {
  if (inferenceService.kind === 'unreadable') return unknown('unknown without the InferenceService');
  return injectionStateOf(pod, inferenceService.value).kind === 'injected'
    ? ok('it has the agent and its volumes')
    : broken('the pod has no agent, though a new one like it would get one');
}
