import {
  agentContainer,
  hasPuller,
  mergeEnv,
  pullerArgs,
  samePath,
  USER_PORT_ENV,
} from './agent-container.ts';
import type { InferenceService } from './inference-service.ts';
import { describeMmsDecision, isMMSPredictor } from './mms-predictor.ts';
import {
  AGENT_ANNOTATIONS,
  AGENT_PORT,
  COMPONENT_LABEL,
  CONTAINERS,
  DEFAULT_CONFIG_MOUNT_PATH,
  DEFAULT_MODEL_DIR,
  INFERENCE_SERVICE_LABEL,
  METRIC_ANNOTATIONS,
  modelConfigName,
  PREDICTOR_COMPONENT,
  VOLUMES,
} from './names.ts';
import { endedAfter, residencyArguments } from './residency-arguments.ts';
import { findObstacle, warningsFor } from './injection-obstacles.ts';
import type { Obstacle } from './injection-obstacles.ts';
import { payloadParts } from './payload-agent.ts';
import type { Container, Pod, Volume, VolumeMount } from './pod.ts';
import { containerNamed } from './served-component.ts';
import type { CredentialParts } from './storage-credentials.ts';
import type { SystemConfig } from './system-config.ts';

/** Why a pod was injected, left alone or refused. Stable codes: metrics and audit annotations carry them. */
type InjectionReason =
  | 'Injected'
  | 'AgentCompleted'
  | 'AlreadyInjected'
  | 'NoInferenceServiceLabel'
  | 'NotPredictor'
  | 'OptedOut'
  | 'InferenceServiceNotFound'
  | 'NotMMSPredictor'
  | 'StorageSecretNotFound'
  | Obstacle['reason'];

export interface InjectionDecision {
  readonly outcome: 'inject' | 'skip' | 'refuse';
  readonly reason: InjectionReason;
  /** One sentence for the user. */
  readonly message: string;
  /** Warnings for the user who creates the pod. The pod is admitted all the same. */
  readonly warnings: readonly string[];
  /** The pod after injection, or the pod that came in when nothing changes. The input is never modified. */
  readonly pod: Pod;
}

/** Looked up for a candidate once its InferenceService is known. */
interface InjectionFacts {
  /** Undefined when there is none of that name in the pod's namespace. */
  readonly inferenceService: InferenceService | undefined;
  readonly credentials: readonly CredentialParts[];
  /** Warnings from the lookup. Ignored for a pod that is skipped. */
  readonly credentialWarnings?: readonly string[];
  /** Why the pod must be refused: without these credentials it would start without what it asks for by name. */
  readonly credentialRefusal?: string;
}

/** A pod that may need the agent. Its InferenceService decides. */
export interface InjectionCandidate {
  readonly inferenceService: string;
  /** The pod as it came in. */
  readonly raw: Pod;
  /** The same with the annotations that every pod of an InferenceService gets. */
  readonly pod: Pod;
  readonly system: SystemConfig;
}

type ConsideredPod =
  | { readonly kind: 'candidate'; readonly candidate: InjectionCandidate }
  | { readonly kind: 'skip'; readonly decision: InjectionDecision };

/** The first half of the decision, before any lookup. */
export type PodCheck =
  | { readonly kind: 'candidate'; readonly inferenceService: string }
  | { readonly kind: 'skip'; readonly reason: InjectionReason; readonly message: string };

/** Whether a pod could need the agent, and whose InferenceService decides. */
export function checkPod(pod: Pod): PodCheck {
  const labels = pod.metadata.labels ?? {};
  const inferenceService = labels[INFERENCE_SERVICE_LABEL];
  if (inferenceService === undefined || inferenceService === '') {
    return skip('NoInferenceServiceLabel', `the pod has no label ${INFERENCE_SERVICE_LABEL}`);
  }
  const component = labels[COMPONENT_LABEL];
  if (component !== PREDICTOR_COMPONENT) {
    const found = component === undefined ? `no label ${COMPONENT_LABEL}` : `${COMPONENT_LABEL}=${component}`;
    return skip(
      'NotPredictor',
      `the pod has ${found}; only ${COMPONENT_LABEL}=${PREDICTOR_COMPONENT} is injected`,
    );
  }
  if (pod.metadata.annotations?.[AGENT_ANNOTATIONS.agent] === 'false') {
    return skip('OptedOut', `the pod's annotation ${AGENT_ANNOTATIONS.agent} is "false"`);
  }
  return { kind: 'candidate', inferenceService };
}

function skip(reason: InjectionReason, message: string): PodCheck {
  return { kind: 'skip', reason, message };
}

/** The first half: whether a new pod needs a lookup. The pod is not changed. */
export function considerPod(raw: Pod, system: SystemConfig): ConsideredPod {
  const pod = stampMetricAnnotations(raw, system);
  const check = checkPod(pod);
  if (check.kind === 'skip') return { kind: 'skip', decision: skipped(pod, check.reason, check.message) };
  return { kind: 'candidate', candidate: { inferenceService: check.inferenceService, raw, pod, system } };
}

/**
 * The second half: the decision for a candidate, with its reason. Idempotent: a pod that was injected needs no change.
 */
export function inject(candidate: InjectionCandidate, facts: InjectionFacts): InjectionDecision {
  const { inferenceService: name, pod } = candidate;
  const { inferenceService } = facts;
  if (inferenceService === undefined) {
    const message = `InferenceService ${name} does not exist in this namespace, so the pod gets no agent`;
    return skipped(pod, 'InferenceServiceNotFound', message, [message]);
  }
  const mms = isMMSPredictor(inferenceService.spec?.predictor);
  if (!mms.isMms) {
    const message = `InferenceService ${name} is not multi-model: ${describeMmsDecision(mms)}`;
    return skipped(pod, 'NotMMSPredictor', message);
  }
  const configMap =
    pod.metadata.annotations?.[AGENT_ANNOTATIONS.configVolumeName] ?? modelConfigName(name, 0);
  const obstacle = findObstacle(pod, configMap);
  if (obstacle !== undefined) return refused(candidate, obstacle);
  const decision = injected(candidate, { ...facts, inferenceService }, configMap);
  return withResidency(decision, inferenceService, candidate.system);
}

export interface InjectionInput extends InjectionFacts {
  /** The raw pod; it is not changed. */
  readonly pod: Pod;
  readonly system: SystemConfig;
}

/** Both halves, for a caller that has all the facts. */
export function decideInjection({ pod, system, ...facts }: InjectionInput): InjectionDecision {
  const considered = considerPod(pod, system);
  return considered.kind === 'skip' ? considered.decision : inject(considered.candidate, facts);
}

function refused(
  { raw }: InjectionCandidate,
  why: Pick<InjectionDecision, 'reason' | 'message'>,
): InjectionDecision {
  return { outcome: 'refuse', reason: why.reason, message: why.message, warnings: [], pod: raw };
}

function skipped(
  pod: Pod,
  reason: InjectionReason,
  message: string,
  warnings: readonly string[] = [],
): InjectionDecision {
  return { outcome: 'skip', reason, message, warnings, pod };
}

function injected(
  candidate: InjectionCandidate,
  facts: InjectionFacts & { readonly inferenceService: InferenceService },
  configMap: string,
): InjectionDecision {
  const { pod: stamped, system } = candidate;
  const agent = containerNamed(stamped, CONTAINERS.agent);
  if (agent !== undefined && hasPuller(agent) && isWired(stamped, agent)) {
    return skipped(stamped, 'AlreadyInjected', 'the pod has its agent already');
  }
  if (facts.credentialRefusal !== undefined) {
    return refused(candidate, { reason: 'StorageSecretNotFound', message: facts.credentialRefusal });
  }
  const pod = copyForInjection(stamped);
  const credentials = combine(facts.credentials);
  const existing = containerNamed(pod, CONTAINERS.agent);
  const { inferenceService } = facts;
  const payload = payloadParts({ pod, inferenceService, settings: system.logger });
  if (existing === undefined) {
    pod.spec.containers.push(agentContainer(pod, system, { credentials, payload }));
    redirectQueueProxy(pod);
  } else completeAgent(pod, existing, credentials);
  const modelServer = containerNamed(pod, CONTAINERS.modelServer);
  if (modelServer !== undefined) addMount(modelServer, VOLUMES.modelDir, DEFAULT_MODEL_DIR);
  addVolumes(pod, [
    ...(existing === undefined ? payload.volumes : []),
    ...credentials.volumes,
    { name: VOLUMES.modelDir, emptyDir: {} },
    { name: VOLUMES.modelConfig, configMap: { name: configMap } },
  ]);
  const completed = existing !== undefined;
  return {
    outcome: 'inject',
    reason: completed ? 'AgentCompleted' : 'Injected',
    message: `${completed ? 'completed the agent' : 'added the agent'}, with its models from ConfigMap ${configMap}`,
    warnings: [...warningsFor(pod), ...(facts.credentialWarnings ?? [])],
    pod,
  };
}

/** Adds the residency arguments to the agent, including an agent that KServe's webhook added. */
function withResidency(
  decision: InjectionDecision,
  inferenceService: InferenceService,
  { kserveMode }: SystemConfig,
): InjectionDecision {
  const { pod } = decision;
  const agent = containerNamed(pod, CONTAINERS.agent);
  if (decision.outcome === 'refuse' || agent === undefined) return decision;
  const { args, warnings } = residencyArguments(inferenceService, pod, agent, kserveMode);
  const warned = { ...decision, warnings: [...decision.warnings, ...warnings] };
  if (args.length === 0) return warned;
  const modelServer = containerNamed(pod, CONTAINERS.modelServer);
  const containers = pod.spec.containers.map((container) => {
    if (container === agent) return { ...agent, args: [...(agent.args ?? []), ...args] };
    return container === modelServer ? endedAfter(agent, container) : container;
  });
  const changed = { ...warned, pod: { ...pod, spec: { ...pod.spec, containers } } };
  if (decision.outcome === 'inject') return changed;
  const message = 'enabled on-demand residency in the agent';
  return { ...changed, outcome: 'inject', reason: 'AgentCompleted', message };
}

/**
 * A copy in which lists may be changed, also in the containers that injection changes. Everything deeper, down to the
 * variables, is shared with the pod that came in: replace it, do not modify it. A deep copy would cost most of a
 * review's time, and comparing it the rest.
 */
function copyForInjection(pod: Pod): Pod {
  const { containers, volumes } = pod.spec;
  const names = [CONTAINERS.agent, CONTAINERS.queueProxy, CONTAINERS.modelServer];
  const changed = new Set(names.map((name) => containerNamed(pod, name)));
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map((container) => (changed.has(container) ? copyOf(container) : container)),
      ...(volumes != null && { volumes: [...volumes] }),
    },
  };
}

function copyOf(container: Container): Container {
  const { volumeMounts } = container;
  return { ...container, ...(volumeMounts != null && { volumeMounts: [...volumeMounts] }) };
}

function isWired(pod: Pod, agent: Container): boolean {
  const hasMount = (container: Container, volume: string): boolean =>
    container.volumeMounts?.some(({ name }) => name === volume) === true;
  const modelServer = containerNamed(pod, CONTAINERS.modelServer);
  return (
    [VOLUMES.modelDir, VOLUMES.modelConfig].every(
      (name) => hasMount(agent, name) && pod.spec.volumes?.some((volume) => volume.name === name) === true,
    ) &&
    (modelServer === undefined || hasMount(modelServer, VOLUMES.modelDir))
  );
}

/** KServe's agent for logging or batching: the puller's arguments go first, where KServe puts them. */
function completeAgent(pod: Pod, agent: Container, credentials: CredentialParts): void {
  if (!hasPuller(agent)) agent.args = [...pullerArgs(pod), ...(agent.args ?? [])];
  const env = mergeEnv(agent.env ?? [], credentials.env);
  if (env.length > 0) agent.env = env;
  for (const mount of credentials.volumeMounts) addMount(agent, mount.name, mount.mountPath, mount);
  addMount(agent, VOLUMES.modelDir, DEFAULT_MODEL_DIR);
  addMount(agent, VOLUMES.modelConfig, DEFAULT_CONFIG_MOUNT_PATH);
}

/** Knative: traffic goes queue-proxy → agent → model server. */
function redirectQueueProxy(pod: Pod): void {
  const queueProxy = containerNamed(pod, CONTAINERS.queueProxy);
  if (queueProxy?.env == null) return;
  queueProxy.env = queueProxy.env.map((variable) =>
    variable.name === USER_PORT_ENV ? { ...variable, value: String(AGENT_PORT) } : variable,
  );
}

function addMount(container: Container, name: string, mountPath: string, mount?: VolumeMount): void {
  const mounts = (container.volumeMounts ??= []);
  if (mounts.some((existing) => existing.name === name && samePath(existing.mountPath, mountPath))) return;
  mounts.push(mount ?? { name, mountPath });
}

function addVolumes(pod: Pod, volumes: readonly Volume[]): void {
  const existing = (pod.spec.volumes ??= []);
  for (const volume of volumes) {
    if (!existing.some(({ name }) => name === volume.name)) existing.push(volume);
  }
}

function combine(parts: readonly CredentialParts[]): CredentialParts {
  return {
    env: parts.reduce<CredentialParts['env']>((env, part) => mergeEnv(env, part.env), []),
    volumes: firstOfEachName(parts.flatMap(({ volumes }) => volumes)),
    volumeMounts: firstOfEachName(parts.flatMap(({ volumeMounts }) => volumeMounts)),
  };
}

/** Two Secrets of a kind ask for the same volume, and Kubernetes refuses a pod with two mounts at one path. */
function firstOfEachName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return items.filter(({ name }, index) => items.findIndex((item) => item.name === name) === index);
}

/** KServe's webhook states on each pod of an InferenceService whether its metrics are aggregated and scraped. */
function stampMetricAnnotations(pod: Pod, system: SystemConfig): Pod {
  if (pod.metadata.labels?.[INFERENCE_SERVICE_LABEL] === undefined) return pod;
  const annotations = pod.metadata.annotations ?? {};
  const stamps = {
    [METRIC_ANNOTATIONS.aggregation]: system.metrics.enableMetricAggregation,
    [METRIC_ANNOTATIONS.scraping]: system.metrics.enablePrometheusScraping,
  };
  if (Object.keys(stamps).every((key) => annotations[key] !== undefined)) return pod;
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...stamps, ...annotations } } };
}
