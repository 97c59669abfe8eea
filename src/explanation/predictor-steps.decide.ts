import type { InferenceService } from '../contract/inference-service.ts';
import { valueOf } from '../lib/lookup.ts';
import type { Lookup } from '../lib/lookup.ts';
import { describeMmsDecision, isMMSPredictor } from '../contract/mms-predictor.ts';
import { configMapChange, modelsCapacityOf, namesPlaced } from '../contract/model-config-map.ts';
import type { ConfigMapChange } from '../contract/model-config-map.ts';
import { planModelConfig } from '../contract/model-config-plan.ts';
import type { ModelConfigPlan } from '../contract/model-config-plan.ts';
import { STOP_ANNOTATION } from '../contract/names.ts';
import { adviceOn, serviceTrouble, troubleText } from './service-standing.decide.ts';
import { canBeInferenceService, describeAbsence } from '../contract/trained-model.ts';
import { watchedPod } from '../contract/watched-pod.ts';
import { broken, guess, ok, unknown } from './chain.decide.ts';
import type { Step, StepResult } from './chain.decide.ts';
import type { InstallationFacts, PredictorFacts, RawPod, ServiceFacts } from './facts.decide.ts';
import { checkNamespace, checkReached, checkRegistered, checkTrusted } from './installation-steps.decide.ts';
import { injectionStateOf, servingPods, troubleOf, unreadyContainers } from './pod-state.decide.ts';

/** How many pods one message names. */
const PODS_NAMED = 3;

type PodStepFacts = PredictorFacts & Pick<ServiceFacts, 'namespace' | 'installation' | 'now'>;

/** From the webhook to running predictor pods. */
export function podSteps(facts: PodStepFacts): Step[] {
  const { namespace, installation, now } = facts;
  return [
    ['webhook-registered', () => checkRegistered(installation)],
    ['namespace-selected', () => checkPodsReached(facts, namespace, installation)],
    ['webhook-trusted', () => checkTrusted(installation, now)],
    ['webhook-answers', () => checkReached(installation)],
    ['pods-exist', () => checkPodsExist(facts)],
    ['pods-injected', () => checkPodsInjected(facts)],
    ['pods-run', () => checkPodsRun(facts)],
  ];
}

/** Whether new pods are injected; pods that already have their agent are not checked. */
function checkPodsReached(
  facts: PredictorFacts,
  namespace: string,
  installation: InstallationFacts,
): StepResult {
  const service = valueOf(facts.inferenceService);
  const pods = servingPods(valueOf(facts.pods) ?? []);
  const injected = pods.filter((pod) => injectionStateOf(pod, service).kind === 'injected').length;
  if (injected > 0 && injected === pods.length) return ok('its pods have the agent already');
  return checkNamespace(facts, namespace, installation);
}

export function checkFound(
  inferenceService: Lookup<InferenceService | undefined>,
  name: string,
  namespace: string,
  near: readonly string[] = [],
): StepResult {
  if (inferenceService.kind === 'unreadable')
    return unknown(`InferenceService ${name} cannot be read: ${inferenceService.why}`);
  return inferenceService.value === undefined
    ? canBeInferenceService(name)
      ? broken(`there is no InferenceService ${name} in namespace ${namespace}${guess(near)}`)
      : broken(describeAbsence(name))
    : ok(`InferenceService ${name} is there`);
}

export function checkServiceKept(inferenceService: InferenceService | undefined): StepResult {
  if (inferenceService === undefined) return unknown(UNREAD_SERVICE);
  const since = inferenceService.metadata.deletionTimestamp;
  return since === undefined
    ? ok('it is not being deleted')
    : broken(`the InferenceService has been terminating since ${since}`);
}

export function checkMultiModel(inferenceService: InferenceService | undefined): StepResult {
  if (inferenceService === undefined) return unknown(UNREAD_SERVICE);
  const mms = isMMSPredictor(inferenceService.spec?.predictor);
  const because = describeMmsDecision(mms);
  return mms.isMms ? ok(`it is multi-model: ${because}`) : broken(`it is not multi-model: ${because}`);
}

const UNREAD_SERVICE = 'the InferenceService could not be read';

/** The manager's decision on the same objects, or which of them could not be read. */
export function planOf(
  { inferenceService, trainedModels, configMap }: PredictorFacts,
  { first }: InstallationFacts,
): Lookup<ModelConfigPlan> {
  if (trainedModels.kind === 'unreadable')
    return { kind: 'unreadable', why: `TrainedModels cannot be read: ${trainedModels.why}` };
  if (inferenceService.kind === 'unreadable') return { kind: 'unreadable', why: UNREAD_SERVICE };
  const existing = configMap.kind === 'known' && configMap.value !== undefined ? [configMap.value] : [];
  const plan = planModelConfig({
    inferenceService: inferenceService.value,
    trainedModels: trainedModels.value,
    placed: namesPlaced(existing),
    first,
    capacity: modelsCapacityOf(existing[0]),
  });
  return { kind: 'known', value: plan };
}

/** The change that the manager would make to the ConfigMap now. */
export function pendingChange(
  { inferenceService, configMap }: PredictorFacts,
  plan: Lookup<ModelConfigPlan>,
): Lookup<ConfigMapChange> {
  if (configMap.kind === 'unreadable') return configMap;
  if (plan.kind === 'unreadable') return plan;
  const service = valueOf(inferenceService);
  const shard = plan.value.shards[0];
  if (service === undefined || shard === undefined) return { kind: 'unreadable', why: UNREAD_SERVICE };
  return { kind: 'known', value: configMapChange(service, shard, configMap.value) };
}

export function checkConfigMapOurs(change: Lookup<ConfigMapChange>): StepResult {
  if (change.kind === 'unreadable') return unknown(`the ConfigMap is not known: ${change.why}`);
  if (change.value.kind === 'conflict') return broken(change.value.message);
  return ok(change.value.kind === 'create' ? 'no ConfigMap is in the way' : 'its ConfigMap is there');
}

function checkPodsExist({ pods, deployment, inferenceService }: PredictorFacts): StepResult {
  if (pods.kind === 'unreadable') return unknown(`pods cannot be read: ${pods.why}`);
  const { length } = servingPods(pods.value);
  if (length > 0) return ok(`${length} predictor ${length === 1 ? 'pod is' : 'pods are'} there`);
  const service = inferenceService.kind === 'known' ? inferenceService.value : undefined;
  if (service?.metadata.annotations?.[STOP_ANNOTATION] === 'true')
    return broken(`there is no predictor pod: the annotation ${STOP_ANNOTATION} is "true"`, 'remove it');
  const trouble = service === undefined ? undefined : serviceTrouble(service);
  if (trouble !== undefined && (valueOf(deployment) === undefined || adviceOn(trouble) !== undefined))
    return broken(`there is no predictor pod: ${troubleText(trouble)}`, adviceOn(trouble));
  if (deployment.kind === 'unreadable') return broken('there is no predictor pod');
  if (deployment.value === undefined)
    return broken(
      'there is no predictor pod, no Deployment that would make one, and no condition that says why',
      "a controller makes it: run KServe's, or the manager with --predictors",
    );
  const failure = deployment.value.status?.conditions?.find(
    ({ type, status }) =>
      (type === 'ReplicaFailure' && status === 'True') || (type === 'Progressing' && status === 'False'),
  );
  const why = failure?.message ?? 'its Deployment has made none yet, or is scaled to 0';
  return broken(`there is no predictor pod: ${why}`);
}

function checkPodsInjected({ pods, inferenceService }: PredictorFacts): StepResult {
  if (pods.kind === 'unreadable' || inferenceService.kind === 'unreadable')
    return unknown('pods and InferenceService could not both be read');
  const states = servingPods(pods.value).map((pod) => ({
    pod,
    state: injectionStateOf(pod, inferenceService.value),
  }));
  const without = states.flatMap(({ pod, state }) =>
    state.kind === 'injected' ? [] : [`${pod.metadata.name}${why(state)}`],
  );
  if (without.length === 0) return ok('they have the agent and the ConfigMap');
  const first = states.find(({ state }) => state.kind !== 'injected')?.pod.metadata;
  return broken(
    `${without.length} of ${states.length} pods have no agent that works: ${named(without)}`,
    `delete the pod, so that it is made again; why it has no agent: mms explain pod/${first?.name ?? ''} -n ${first?.namespace ?? ''}`,
  );
}

function why(state: Exclude<ReturnType<typeof injectionStateOf>, { kind: 'injected' }>): string {
  return state.kind === 'bare' ? ' (was not injected when it was created)' : ` (${state.message})`;
}

export function checkPodsRun({ pods }: Pick<PredictorFacts, 'pods'>): StepResult {
  if (pods.kind === 'unreadable') return unknown(`pods cannot be read: ${pods.why}`);
  const serving = servingPods(pods.value);
  const troubled = serving.flatMap((pod) => {
    const trouble = troubleOf(pod);
    return trouble === undefined ? [] : [`pod ${pod.metadata.name} ${trouble}`];
  });
  if (troubled.length === 0) return ok('their containers run');
  // If one pod serves, the others do no harm: the manager counts only ready pods.
  if (serving.some(isReady))
    return ok(`${serving.length - troubled.length} of ${serving.length} run; ${named(troubled)}`);
  return broken(named(troubled));
}

/** @param failed whether an agent has reported a failure, which is more precise than the unready pod that it causes */
export function checkPodsReady({ pods }: Pick<PredictorFacts, 'pods'>, failed: boolean): StepResult {
  if (pods.kind === 'unreadable') return unknown(`pods cannot be read: ${pods.why}`);
  const serving = servingPods(pods.value);
  const ready = serving.filter(isReady).length;
  if (ready > 0) return ok(`${ready} of ${serving.length} are ready`);
  if (failed) return ok('none is ready, but an agent reports more, see below');
  const each = serving.map((pod) => {
    const containers = unreadyContainers(pod);
    return `pod ${pod.metadata.name}${containers.length === 0 ? '' : ` (${containers.join(', ')})`}`;
  });
  return broken(`no pod is ready: ${named(each)}`);
}

function isReady(pod: RawPod): boolean {
  return watchedPod(pod).ready;
}

function named(texts: readonly string[]): string {
  const more = texts.length > PODS_NAMED ? `; and ${texts.length - PODS_NAMED} more` : '';
  return `${texts.slice(0, PODS_NAMED).join('; ')}${more}`;
}
