import { CONTAINERS, DEFAULT_COMPONENT_PORT } from './names.ts';
import type { Container, ContainerPort, Pod, Probe } from './pod.ts';
import { isRecord } from '../lib/json.ts';

/**
 * Containers that injectors put into a pod, some of them before all others: Istio with holdApplicationUntilProxyStarts,
 * Linkerd with proxy-await, Vault with agent-init-first, Knative, Dapr, Consul, Kuma, the GKE bucket driver and the
 * OpenTelemetry operator, and App Mesh, NGINX and Telepresence. Their identity and probes are theirs alone: traffic of Istio's user 1337 bypasses the mesh.
 */
const INJECTED_SIDECARS: ReadonlySet<string> = new Set([
  ...['istio-proxy', 'linkerd-proxy', 'linkerd-debug', 'vault-agent', 'daprd', CONTAINERS.queueProxy],
  ...['consul-dataplane', 'envoy-sidecar', 'kuma-sidecar', 'gke-gcsfuse-sidecar', 'otc-container'],
  ...['envoy', 'nginx-mesh-sidecar', 'traffic-agent'],
]);

/** The users whose traffic the redirections of Istio, Kuma and Linkerd leave alone, whatever their containers are called. */
const PROXY_USERS: ReadonlySet<unknown> = new Set([1337, 5678, 2102]);

/** Where Istio's injector names the containers that it has added, whatever its templates call them. */
const ISTIO_STATUS_ANNOTATION = 'sidecar.istio.io/status';
/** Istio's is a kilobyte or two. What a text holds is not counted with what the review holds, so that a longer one is not read. */
const MAX_ISTIO_STATUS = 16 * 1024;

/** The container of that name among the pod's main containers. */
export function containerNamed(pod: Pod, name: string): Container | undefined {
  return pod.spec.containers.find((container) => container.name === name);
}

/** Where the agent sends traffic: the transformer when the pod has one, else the model server. */
export function componentPort(pod: Pod): number {
  const target = containerNamed(pod, CONTAINERS.transformer) ?? containerNamed(pod, CONTAINERS.modelServer);
  return target?.ports?.[0]?.containerPort ?? DEFAULT_COMPONENT_PORT;
}

/** A container other than the agent that says it listens at this TCP port, which all containers of a pod share. */
export function listenerAt(pod: Pod, port: number): Container | undefined {
  const listens = ({ containerPort, protocol }: ContainerPort): boolean =>
    containerPort === port && (protocol ?? 'TCP') === 'TCP';
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)].find(
    ({ name, ports }) => name !== CONTAINERS.agent && ports?.some(listens) === true,
  );
}

/** An init container that goes on running beside the others. */
function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

/**
 * The container whose security context the agent copies and whose probe it carries out. KServe takes the first of the
 * pod, and so does this; where an injector's sidecar comes first, the model server is meant, or none where there are others alone.
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
    // Somebody else's text, which says nothing then.
    return [];
  }
}

/** The readiness probe that the agent carries out for kubelet. */
interface MirroredProbe {
  /** Its port is a number wherever the container's ports tell it. */
  readonly probe: Probe;
  /** A port that none of the container's ports is named. */
  readonly unknownPort: string | undefined;
}

/** The probe of the transformer when there is one, else of the leading container; undefined for exec, grpc and none. */
export function mirroredProbe(pod: Pod): MirroredProbe | undefined {
  const container = containerNamed(pod, CONTAINERS.transformer) ?? leadingContainer(pod);
  const probe = container?.readinessProbe;
  if (probe == null) return undefined;
  const action = probe.httpGet ?? probe.tcpSocket;
  if (action == null) return undefined;
  const { port } = action;
  if (typeof port !== 'string') return { probe, unknownPort: undefined };
  // Kubelet looks a name up in the ports of the probe's own container; the agent sees no pod.
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
