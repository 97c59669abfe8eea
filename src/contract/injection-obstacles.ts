import { MAX_CARRIED_OVER, MAX_PROBE, MAX_VALUES_CARRIED_OVER, tooLongToCarryOver } from './carried-over.ts';
import { hasPuller, samePath } from './agent-container.ts';
import {
  AGENT_ANNOTATIONS,
  AGENT_PORT,
  AGENT_PORT_NAME,
  CONTAINERS,
  DEFAULT_CONFIG_MOUNT_PATH,
  DEFAULT_MODEL_DIR,
  VOLUMES,
} from './names.ts';
import type { Container, Pod } from './pod.ts';
import { containerNamed, listenerAt, mirroredProbe } from './served-component.ts';
import { statusPortOf } from './watched-pod.ts';

/** Something in a pod that makes injection impossible, described so that the user can fix it. */
export interface Obstacle {
  readonly reason:
    | 'ForeignAgentContainer'
    | 'ForeignModelConfigVolume'
    | 'MountPathTaken'
    | 'AgentPortTaken'
    | 'AgentTooLarge';
  readonly message: string;
}

/** What prevents the injection, if anything. KServe's webhook would go on silently and leave a pod that cannot work. */
export function findObstacle(pod: Pod, configMap: string): Obstacle | undefined {
  return (
    tooLarge(pod) ??
    foreignAgent(pod) ??
    foreignVolume(pod, configMap) ??
    takenMountPath(pod) ??
    takenPort(pod)
  );
}

/** First, because messages of the other checks may quote the pod's values. */
function tooLarge(pod: Pod): Obstacle | undefined {
  const part = tooLongToCarryOver(pod);
  if (part === undefined) return undefined;
  return {
    reason: 'AgentTooLarge',
    message:
      `${part} is too long for the multi-model agent, which copies it: make it shorter than ` +
      `${MAX_PROBE / 1024} KiB for a readiness probe or a part of the logger, and than ` +
      `${MAX_CARRIED_OVER / 1024} KiB and ${MAX_VALUES_CARRIED_OVER} values for everything that it copies`,
  };
}

function foreignAgent(pod: Pod): Obstacle | undefined {
  const agent = containerNamed(pod, CONTAINERS.agent);
  const initAgent = pod.spec.initContainers?.some(({ name }) => name === CONTAINERS.agent) === true;
  if (!initAgent && (agent === undefined || isKServeAgent(agent))) return undefined;
  const kind = initAgent ? 'an init container' : 'a container of its own';
  return {
    reason: 'ForeignAgentContainer',
    message:
      `the pod has ${kind} named "${CONTAINERS.agent}", a name that the multi-model agent needs; ` +
      `rename that container, or set the annotation ${AGENT_ANNOTATIONS.agent}: "false" to go without the agent`,
  };
}

const COMPONENT_PORT = '--component-port';

/** KServe's agent is recognized by its arguments and its port, whatever its image. */
function isKServeAgent(agent: Container): boolean {
  const hasFlag = agent.args?.some((arg) => arg === COMPONENT_PORT || arg.startsWith(`${COMPONENT_PORT}=`));
  const hasPort = agent.ports?.some(
    ({ name, containerPort }) => name === AGENT_PORT_NAME || containerPort === AGENT_PORT,
  );
  return hasPuller(agent) || (hasFlag === true && hasPort === true);
}

function takenPort(pod: Pod): Obstacle | undefined {
  const taken = listenerAt(pod, AGENT_PORT);
  if (taken === undefined) return undefined;
  return {
    reason: 'AgentPortTaken',
    message:
      `container ${taken.name} listens at port ${AGENT_PORT}, which the multi-model agent needs for itself; ` +
      `let that container listen at another port`,
  };
}

function foreignVolume(pod: Pod, configMap: string): Obstacle | undefined {
  const volume = pod.spec.volumes?.find(({ name }) => name === VOLUMES.modelConfig);
  if (volume === undefined || volume.configMap?.name === configMap) return undefined;
  const source =
    volume.configMap == null ? 'another source' : `ConfigMap ${volume.configMap.name ?? '(unnamed)'}`;
  return {
    reason: 'ForeignModelConfigVolume',
    message:
      `the pod's volume "${VOLUMES.modelConfig}" comes from ${source}, but the agent needs it from ConfigMap ` +
      `${configMap}; remove or rename that volume, or name its ConfigMap in the annotation ` +
      AGENT_ANNOTATIONS.configVolumeName,
  };
}

/** The mounts that injection adds: container, volume, path. */
const MOUNTS = [
  [CONTAINERS.modelServer, VOLUMES.modelDir, DEFAULT_MODEL_DIR],
  [CONTAINERS.agent, VOLUMES.modelDir, DEFAULT_MODEL_DIR],
  [CONTAINERS.agent, VOLUMES.modelConfig, DEFAULT_CONFIG_MOUNT_PATH],
] as const;

function takenMountPath(pod: Pod): Obstacle | undefined {
  for (const [container, volume, path] of MOUNTS) {
    const taken = containerNamed(pod, container)?.volumeMounts?.find(
      ({ name, mountPath }) => name !== volume && samePath(mountPath, path),
    );
    if (taken === undefined) continue;
    return {
      reason: 'MountPathTaken',
      message:
        `container ${container} mounts volume "${taken.name}" at ${path}, where the agent needs volume "${volume}"; ` +
        `mount it elsewhere` +
        (volume === VOLUMES.modelDir ? `, or name it "${volume}" to have the models put into it` : ''),
    };
  }
  return undefined;
}

/** Warnings for the user who creates the pod. The pod can be injected all the same. */
export function warningsFor(pod: Pod): string[] {
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
      `container ${atStatusPort.name} listens at port ${statusPort}, which the kserve-mms agent needs for its status: ` +
        `the agent cannot start; let that container listen at another port`,
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
