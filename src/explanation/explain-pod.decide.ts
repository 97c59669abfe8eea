import { checkPod } from '../contract/agent-injection.ts';
import type { PodCheck } from '../contract/agent-injection.ts';
import { valueOf } from '../lib/lookup.ts';
import { INFERENCE_SERVICE_LABEL } from '../contract/names.ts';
import { isPod } from '../contract/pod.ts';
import { broken, explanation, guess, ok, unknown } from './chain.decide.ts';
import type { Explanation, Step, Verdict } from './chain.decide.ts';
import type { PodFacts, RawPod } from './facts.decide.ts';
import { judgeNamespace, judgeReached, judgeRegistered, judgeTrusted } from './installation-steps.decide.ts';
import { injectionStateOf } from './pod-state.decide.ts';
import { judgeFound, judgeMultiModel, judgePodsReady, judgePodsRun } from './predictor-steps.decide.ts';

/** Why a pod has no agent: from its label to the decision of the webhook upon this very pod. */
export function explainPod(facts: PodFacts): Explanation {
  const { namespace, name, pod, near } = facts;
  const subject = { kind: 'Pod', namespace, name } as const;
  const exists = (): Verdict =>
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
    ['inference-service-found', () => judgeFound(inferenceService, name, namespace)],
    ['multi-model', () => judgeMultiModel(service)],
    ...(injected ? [] : bareSteps(facts, pod)),
    ['pod-injected', () => judgeInjected(pod, facts)],
    ['pods-run', () => judgePodsRun({ pods: { kind: 'known', value: [pod] } })],
    ['pods-ready', () => judgePodsReady({ pods: { kind: 'known', value: [pod] } }, false)],
  ];
}

/** What counts only for a pod that has no agent: whatever became of the webhook since, one that was injected is. */
function bareSteps(facts: PodFacts, pod: RawPod): Step[] {
  const { installation, now } = facts;
  return [
    ['webhook-registered', () => judgeRegistered(installation)],
    ['webhook-trusted', () => judgeTrusted(installation, now)],
    ['namespace-selected', () => judgeNamespace(facts, facts.namespace, installation)],
    ['webhook-answers', () => judgeReached(installation)],
    ['pod-injectable', () => judgeInjectable(pod, facts)],
    ['pod-newer', () => judgeNewer(pod, facts)],
  ];
}

function unless(candidacy: PodCheck | undefined, reason: string, fine: string): Verdict {
  if (candidacy === undefined) return broken('the pod cannot be read');
  return candidacy.kind === 'skip' && candidacy.reason === reason ? broken(candidacy.message) : ok(fine);
}

function judgeInjectable(pod: RawPod, { inferenceService }: PodFacts): Verdict {
  const state = injectionStateOf(pod, valueOf(inferenceService));
  if (inferenceService.kind === 'unreadable') return unknown('without the InferenceService it is not known');
  return state.kind === 'refused' || state.kind === 'malformed'
    ? broken(state.message)
    : ok('the webhook would inject a pod like this');
}

function judgeNewer(pod: RawPod, { inferenceService, installation }: PodFacts): Verdict {
  const created = Date.parse(pod.metadata.creationTimestamp ?? '');
  const isNewer = (since: string | undefined): boolean => Date.parse(since ?? '') > created;
  const service = valueOf(inferenceService);
  if (isNewer(service?.metadata.creationTimestamp))
    return broken(`the pod is older than InferenceService ${service?.metadata.name ?? ''}`);
  if (isNewer(valueOf(installation.webhook)?.metadata.creationTimestamp))
    return broken('the pod is older than the webhook: it was created before it was installed');
  return ok('the pod is no older than webhook and InferenceService');
}

function judgeInjected(pod: RawPod, { inferenceService }: PodFacts): Verdict {
  if (inferenceService.kind === 'unreadable') return unknown('without the InferenceService it is not known');
  return injectionStateOf(pod, inferenceService.value).kind === 'injected'
    ? ok('it has the agent and its volumes')
    : broken('the pod has no agent, though one like it would get it now');
}
