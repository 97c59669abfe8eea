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
import { residencyArguments } from './residency-arguments.ts';
import { findObstacle } from './injection-obstacles.ts';
import type { Obstacle } from './injection-obstacles.ts';
import { payloadParts } from './payload-agent.ts';
import type { Container, Pod, Volume, VolumeMount } from './pod.ts';
import { containerNamed, listenerAt, mirroredProbe } from './served-component.ts';
import type { CredentialParts } from './storage-credentials.ts';
import type { SystemConfig } from './system-config.ts';
import { statusPortOf } from './watched-pod.ts';

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
  /** One sentence for people. */
  readonly message: string;
  /** What a person who creates the pod should be told though it is admitted. */
  readonly warnings: readonly string[];
  /** The pod as it should be; the pod that came in when nothing is to change. Never the same object changed. */
  readonly pod: Pod;
}

export interface InjectionInput {
  /** The raw pod; it is not changed. */
  readonly pod: Pod;
  /** Undefined when there is none of that name in the pod's namespace. */
  readonly inferenceService: InferenceService | undefined;
  readonly system: SystemConfig;
  readonly credentials: readonly CredentialParts[];
  /** What was noticed while they were looked up; nothing that matters to a pod that is skipped. */
  readonly credentialWarnings?: readonly string[];
  /** Why no pod may be made with them: it would come up without what it asks for by name. */
  readonly credentialRefusal?: string;
}

/** What can be said of a pod before its InferenceService is looked up. */
export type PodCheck =
  | { readonly kind: 'candidate'; readonly inferenceService: string }
  | { readonly kind: 'skip'; readonly reason: InjectionReason; readonly message: string };

/** Whether a pod could need the agent, and whose InferenceService decides. Saves a look-up for the pods that cannot. */
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

/** What becomes of a pod that is about to be created, with the reason. Idempotent: its own result needs nothing. */
export function decideInjection(input: InjectionInput): InjectionDecision {
  const { inferenceService, system } = input;
  const pod = stampMetricAnnotations(input.pod, system);
  const candidacy = checkPod(pod);
  if (candidacy.kind === 'skip') return skipped(pod, candidacy.reason, candidacy.message);
  const name = candidacy.inferenceService;
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
  if (obstacle !== undefined) return { outcome: 'refuse', ...obstacle, warnings: [], pod: input.pod };
  return withResidency(injected(input, pod, configMap), inferenceService);
}

function skipped(
  pod: Pod,
  reason: InjectionReason,
  message: string,
  warnings: readonly string[] = [],
): InjectionDecision {
  return { outcome: 'skip', reason, message, warnings, pod };
}

function injected(input: InjectionInput, stamped: Pod, configMap: string): InjectionDecision {
  const agent = containerNamed(stamped, CONTAINERS.agent);
  if (agent !== undefined && hasPuller(agent) && isWired(stamped, agent)) {
    return skipped(stamped, 'AlreadyInjected', 'the pod has its agent already');
  }
  if (input.credentialRefusal !== undefined) {
    const refusal = { reason: 'StorageSecretNotFound', message: input.credentialRefusal } as const;
    return { outcome: 'refuse', ...refusal, warnings: [], pod: input.pod };
  }
  const pod = copyForInjection(stamped);
  const credentials = combine(input.credentials);
  const existing = containerNamed(pod, CONTAINERS.agent);
  const { inferenceService, system } = input;
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
    warnings: [...warningsFor(pod), ...(input.credentialWarnings ?? [])],
    pod,
  };
}

/** Adds the arguments of residency to the agent, also to one that KServe's webhook has put in whole. */
function withResidency(decision: InjectionDecision, inferenceService: InferenceService): InjectionDecision {
  const { pod } = decision;
  const agent = containerNamed(pod, CONTAINERS.agent);
  if (decision.outcome === 'refuse' || agent === undefined) return decision;
  const { args, warnings } = residencyArguments(inferenceService, pod, agent);
  const told = { ...decision, warnings: [...decision.warnings, ...warnings] };
  if (args.length === 0) return told;
  const containers = pod.spec.containers.map((container) =>
    container === agent ? { ...agent, args: [...(agent.args ?? []), ...args] } : container,
  );
  const changed = { ...told, pod: { ...pod, spec: { ...pod.spec, containers } } };
  if (decision.outcome === 'inject') return changed;
  const message = 'told the agent that models sleep while nobody asks for them';
  return { ...changed, outcome: 'inject', reason: 'AgentCompleted', message };
}

/**
 * A copy whose lists, and of its containers those that injection changes, may be changed; what is in them, down to the variables, is shared with the pod that came
 * in and must be replaced instead. A whole copy costs most of a review, and comparing one that shares nothing the rest.
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

/** KServe's agent for logging or batching: the puller's arguments go first, where KServe puts them itself. */
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

/** Two Secrets of a kind ask for the same volume, and Kubernetes refuses a pod that mounts twice at one path. */
function firstOfEachName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return items.filter(({ name }, index) => items.findIndex((item) => item.name === name) === index);
}

/** KServe's webhook says on each pod of an InferenceService whether its metrics are aggregated and scraped. */
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

function warningsFor(pod: Pod): string[] {
  const warnings: string[] = [];
  const unknownPort = mirroredProbe(pod)?.unknownPort;
  if (unknownPort !== undefined && containerNamed(pod, CONTAINERS.queueProxy) === undefined) {
    warnings.push(
      `the readiness probe names the port "${unknownPort}", and its container has no port of that name; ` +
        `the agent probes the port to which it sends requests`,
    );
  }
  const statusPort = statusPortOf(containerNamed(pod, CONTAINERS.agent));
  const atStatusPort = statusPort === undefined ? undefined : listenerAt(pod, statusPort);
  if (atStatusPort !== undefined) {
    // KServe's agent has no such port: the pod may be as it should be.
    warnings.push(
      `container ${atStatusPort.name} listens at port ${statusPort}, which kserve-mms' agent needs for its status: ` +
        `it does not start beside it; let that container listen at another port`,
    );
  }
  if (containerNamed(pod, CONTAINERS.modelServer) === undefined) {
    warnings.push(
      `the pod has no container "${CONTAINERS.modelServer}": none of its containers can see the models under ${DEFAULT_MODEL_DIR}`,
    );
  }
  for (const [annotation, volume, mountPath] of [
    [AGENT_ANNOTATIONS.modelDir, VOLUMES.modelDir, DEFAULT_MODEL_DIR],
    [AGENT_ANNOTATIONS.configMountPath, VOLUMES.modelConfig, DEFAULT_CONFIG_MOUNT_PATH],
  ] as const) {
    const wanted = pod.metadata.annotations?.[annotation];
    if (wanted !== undefined && !samePath(wanted, mountPath)) {
      warnings.push(`${annotation} is ${wanted}, but volume "${volume}" is mounted at ${mountPath}`);
    }
  }
  return warnings;
}
