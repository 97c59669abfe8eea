import { containerNamed, ENABLE_PULLER_FLAG } from './agent-container.ts';
import {
  AGENT_ANNOTATIONS,
  AGENT_PORT,
  AGENT_PORT_NAME,
  CONTAINERS,
  DEFAULT_MODEL_DIR,
  VOLUMES,
} from './names.ts';
import type { Container, Pod } from './pod.ts';

/** Something in a pod that makes injection impossible, told so that a person can mend it. */
export interface Obstacle {
  readonly reason: 'ForeignAgentContainer' | 'ForeignModelConfigVolume' | 'MountPathTaken';
  readonly message: string;
}

/** What stands in the way, if anything. KServe would go on silently and leave a pod that cannot work. */
export function findObstacle(pod: Pod, configMap: string): Obstacle | undefined {
  return foreignAgent(pod) ?? foreignVolume(pod, configMap) ?? takenMountPath(pod);
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

/** KServe's agent, whoever built its image, is known by what it is called with and the port that it serves. */
function isKServeAgent(agent: Container): boolean {
  const flags = new Set((agent.args ?? []).map((arg) => arg.split('=', 1)[0] ?? ''));
  const hasPort = agent.ports?.some(
    ({ name, containerPort }) => name === AGENT_PORT_NAME || containerPort === AGENT_PORT,
  );
  return flags.has(ENABLE_PULLER_FLAG) || (flags.has('--component-port') && hasPort === true);
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

function takenMountPath(pod: Pod): Obstacle | undefined {
  const modelServer = containerNamed(pod, CONTAINERS.modelServer);
  const taken = modelServer?.volumeMounts?.find(
    ({ name, mountPath }) => mountPath === DEFAULT_MODEL_DIR && name !== VOLUMES.modelDir,
  );
  if (taken === undefined) return undefined;
  return {
    reason: 'MountPathTaken',
    message:
      `container ${CONTAINERS.modelServer} mounts volume "${taken.name}" at ${DEFAULT_MODEL_DIR}, where the models ` +
      `have to go; mount it elsewhere, or name it "${VOLUMES.modelDir}" to have the models put into it`,
  };
}
