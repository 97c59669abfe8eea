import {
  AGENT_ANNOTATIONS,
  AGENT_PORT,
  AGENT_PORT_NAME,
  CONTAINERS,
  DEFAULT_CONFIG_MOUNT_PATH,
  DEFAULT_MODEL_DIR,
  VOLUMES,
} from './names.ts';
import type { PayloadParts } from './payload-agent.ts';
import type { Container, EnvVar, Pod } from './pod.ts';
import { componentPort, containerNamed, leadingContainer, mirroredProbe } from './served-component.ts';
import type { CredentialParts } from './storage-credentials.ts';
import type { AgentSettings, SystemConfig } from './system-config.ts';

/** The agent's environment variable with the readiness probe that it runs for the model server. */
export const READINESS_PROBE_ENV = 'SERVING_READINESS_PROBE';
/** Knative's variable: the port to which queue-proxy sends traffic. */
export const USER_PORT_ENV = 'USER_PORT';

/** The flag that makes an agent download models. KServe's logger and batcher agents run without it. */
const ENABLE_PULLER_FLAG = '--enable-puller';

/** Whether the agent's arguments enable the puller, in either form of a Go switch. */
export function hasPuller(agent: Container): boolean {
  return (
    agent.args?.some((arg) => arg === ENABLE_PULLER_FLAG || arg === `${ENABLE_PULLER_FLAG}=true`) === true
  );
}

/** The arguments that turn an agent into a puller of models. */
export function pullerArgs(pod: Pod): string[] {
  const annotations = pod.metadata.annotations ?? {};
  return [
    ENABLE_PULLER_FLAG,
    '--config-dir',
    annotations[AGENT_ANNOTATIONS.configMountPath] ?? DEFAULT_CONFIG_MOUNT_PATH,
    '--model-dir',
    annotations[AGENT_ANNOTATIONS.modelDir] ?? DEFAULT_MODEL_DIR,
  ];
}

/** Added to the agent beside its models. */
interface AgentExtras {
  readonly credentials: CredentialParts;
  readonly payload: PayloadParts;
}

/** The agent's container for a pod that has none, field for field as KServe's webhook builds it. */
export function agentContainer(
  pod: Pod,
  { agent: settings, release }: Pick<SystemConfig, 'agent' | 'release'>,
  { credentials, payload }: AgentExtras,
): Container {
  const securityContext = leadingContainer(pod)?.securityContext;
  const env = mergeEnv(agentEnv(pod), credentials.env);
  return {
    name: CONTAINERS.agent,
    image: settings.image,
    args: [...pullerArgs(pod), ...payload.args, '--component-port', String(componentPort(pod))],
    ports: [{ name: AGENT_PORT_NAME, containerPort: AGENT_PORT, protocol: 'TCP' }],
    ...(env.length > 0 ? { env } : {}),
    resources: agentResources(pod, settings),
    volumeMounts: [
      ...payload.volumeMounts,
      ...credentials.volumeMounts,
      { name: VOLUMES.modelDir, mountPath: DEFAULT_MODEL_DIR },
      { name: VOLUMES.modelConfig, mountPath: DEFAULT_CONFIG_MOUNT_PATH },
    ],
    readinessProbe: {
      httpGet: {
        path: release.probeKeepsPath ? mirroredPath(pod) : '/',
        port: AGENT_PORT,
        scheme: 'HTTP',
        httpHeaders: [{ name: 'K-Network-Probe', value: 'queue' }],
      },
    },
    ...(securityContext == null ? {} : { securityContext }),
  };
}

/** KServe's own agent answers at the path of the probe that it mirrors; ours answers by the header alone. */
function mirroredPath(pod: Pod): string {
  if (containerNamed(pod, CONTAINERS.queueProxy) !== undefined) return '/';
  return mirroredProbe(pod)?.probe.httpGet?.path || '/';
}

function agentEnv(pod: Pod): EnvVar[] {
  const queueProxy = containerNamed(pod, CONTAINERS.queueProxy);
  // Behind Knative the agent takes the place of queue-proxy, with the port meant for queue-proxy.
  if (queueProxy !== undefined) return queueProxy.env ?? [];
  const mirrored = mirroredProbe(pod);
  return mirrored === undefined ? [] : [{ name: READINESS_PROBE_ENV, value: JSON.stringify(mirrored.probe) }];
}

/**
 * KServe's requests and limits, capped by the pod's own resources: Kubernetes refuses a container that asks for more
 * than its pod has. Without a value of its own, the agent shares the pod's.
 */
function agentResources(pod: Pod, settings: AgentSettings): Record<string, unknown> {
  const ofPod = pod.spec.resources;
  const isLeft = (resource: string): boolean =>
    ofPod?.limits?.[resource] === undefined && ofPod?.requests?.[resource] === undefined;
  const left = (amounts: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(amounts).filter(([resource]) => isLeft(resource)));
  const limits = left({ cpu: settings.cpuLimit, memory: settings.memoryLimit });
  const requests = left({ cpu: settings.cpuRequest, memory: settings.memoryRequest });
  return Object.keys(limits).length === 0 ? {} : { limits, requests };
}

/** Added variables replace those of the same name in place, as KServe merges them; new ones are appended. */
export function mergeEnv(base: readonly EnvVar[], added: readonly EnvVar[]): EnvVar[] {
  if (added.length === 0) return [...base];
  const replacements = new Map(added.map((variable) => [variable.name, variable]));
  const known = new Set(base.map(({ name }) => name));
  return [
    ...base.map((variable) => replacements.get(variable.name) ?? variable),
    ...added.filter(({ name }) => !known.has(name)),
  ];
}

/**
 * Whether two mount paths are the same directory. Kubernetes compares the text, but a trailing slash changes nothing.
 */
export function samePath(a: string, b: string): boolean {
  return withoutLastSlashes(a) === withoutLastSlashes(b);
}

/** No regular expression: one for trailing slashes takes quadratic time when there are many slashes elsewhere. */
function withoutLastSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}
