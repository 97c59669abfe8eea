import { CONTAINERS, DEFAULT_COMPONENT_PORT } from './names.ts';
import type { Container, ContainerPort, Pod, Probe } from './pod.ts';
import { isRecord } from '../lib/json.ts';

/**
 * Containers that injectors put into a pod, some of them before all others: Istio with holdApplicationUntilProxyStarts,
 * Linkerd with proxy-await, Vault with agent-init-first, Knative, Dapr, Consul, Kuma, the GKE bucket driver and the
 * OpenTelemetry operator, and App Mesh, NGINX and Telepresence. The agent must not copy their user and probes: traffic
 * of Istio's user 1337 bypasses the mesh.
 */
const INJECTED_SIDECARS: ReadonlySet<string> = new Set([
  ...['istio-proxy', 'linkerd-proxy', 'linkerd-debug', 'vault-agent', 'daprd', CONTAINERS.queueProxy],
  ...['consul-dataplane', 'envoy-sidecar', 'kuma-sidecar', 'gke-gcsfuse-sidecar', 'otc-container'],
  ...['envoy', 'nginx-mesh-sidecar', 'traffic-agent'],
]);

/** The users whose traffic Istio, Kuma and Linkerd do not redirect, whatever the names of their containers. */
const PROXY_USERS: ReadonlySet<unknown> = new Set([1337, 5678, 2102]);

/** Istio's injector lists the containers that it added here, whatever its templates call them. */
const ISTIO_STATUS_ANNOTATION = 'sidecar.istio.io/status';
/**
 * Istio's is a kilobyte or two. A longer text is not parsed, because its contents would not count towards the review's
 * limits.
 */
const MAX_ISTIO_STATUS = 16 * 1024;

/** The main container of this name. */
export function containerNamed(pod: Pod, name: string): Container | undefined {
  return pod.spec.containers.find((container) => container.name === name);
}

/** The port that the agent forwards to: the transformer's when the pod has one, else the model server's. */
export function componentPort(pod: Pod): number {
  const target = containerNamed(pod, CONTAINERS.transformer) ?? containerNamed(pod, CONTAINERS.modelServer);
  return target?.ports?.[0]?.containerPort ?? DEFAULT_COMPONENT_PORT;
}

/** A container other than the agent that declares this TCP port. All containers of a pod share ports. */
export function listenerAt(pod: Pod, port: number): Container | undefined {
  const listens = ({ containerPort, protocol }: ContainerPort): boolean =>
    containerPort === port && (protocol ?? 'TCP') === 'TCP';
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)].find(
    ({ name, ports }) => name !== CONTAINERS.agent && ports?.some(listens) === true,
  );
}

/** An init container that keeps running beside the others. */
function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

/**
 * The container whose security context the agent copies and whose probe it runs. As in KServe, the pod's first
 * container. If that is an injector's sidecar, it is the model server, or none if the pod has only sidecars.
 */
export function leadingContainer(pod: Pod): Container | undefined {
  const { containers } = pod.spec;
  const isInjected = injectionTest(pod);
  const [first] = containers;
  if (first === undefined || !isInjected(first)) return first;
  return (
    containerNamed(pod, CONTAINERS.modelServer) ?? containers.find((container) => !isInjected(container))
  );
}

function injectionTest(pod: Pod): (container: Container) => boolean {
  const ofIstio = new Set(namedByIstio(pod.metadata.annotations?.[ISTIO_STATUS_ANNOTATION]));
  return ({ name, securityContext }) =>
    name !== CONTAINERS.modelServer &&
    (INJECTED_SIDECARS.has(name) || ofIstio.has(name) || PROXY_USERS.has(securityContext?.['runAsUser']));
}

function namedByIstio(status: string | undefined): readonly unknown[] {
  if (status === undefined || status.length > MAX_ISTIO_STATUS) return [];
  try {
    const parsed: unknown = JSON.parse(status);
    return isRecord(parsed) && Array.isArray(parsed['containers']) ? (parsed['containers'] as unknown[]) : [];
  } catch {
    // Another program's text; malformed means no containers.
    return [];
  }
}

/** The readiness probe that the agent runs for kubelet. */
interface MirroredProbe {
  /** Its port is a number if the container's ports define it. */
  readonly probe: Probe;
  /** A port name that none of the container's ports has. */
  readonly unknownPort: string | undefined;
}

/**
 * The probe of the transformer if there is one, else of the leading container; undefined for exec, grpc and no probe.
 */
export function mirroredProbe(pod: Pod): MirroredProbe | undefined {
  const container = containerNamed(pod, CONTAINERS.transformer) ?? leadingContainer(pod);
  const probe = container?.readinessProbe;
  if (probe == null) return undefined;
  const action = probe.httpGet ?? probe.tcpSocket;
  if (action == null) return undefined;
  const { port } = action;
  if (typeof port !== 'string') return { probe, unknownPort: undefined };
  // Kubelet resolves a port name in the probe's own container; the agent cannot see the pod.
  const number = portNamed(container?.ports ?? [], port);
  if (number === undefined) return { probe, unknownPort: port };
  const resolved = { ...action, port: number };
  const key = probe.httpGet == null ? 'tcpSocket' : 'httpGet';
  return { probe: { ...probe, [key]: resolved }, unknownPort: undefined };
}

function portNamed(ports: readonly ContainerPort[], name: string): number | undefined {
  const port: unknown = ports.find((candidate) => candidate.name === name)?.containerPort;
  return typeof port === 'number' ? port : undefined;
}
