import jsonPatch from 'fast-json-patch';
import type { AdmissionDecision } from '../../src/admission/admission-review.decide.ts';
import type { Container, Pod, Probe } from '../../src/contract/pod.ts';
import type { AdmissionHandler } from '../../src/admission/review-endpoint.ts';

/**
 * The port where pilot-agent answers probes of the pod's other containers (`statusPort` of the mesh's configuration).
 */
export const ISTIO_STATUS_PORT = 15_020;
/** The users whose traffic Istio and Linkerd do not redirect. */
export const ISTIO_USER = 1337;
export const LINKERD_USER = 2102;

const ISTIO_STATUS = 'sidecar.istio.io/status';
const LINKERD_STATUS = 'linkerd.io/proxy-version';

/** The position of a mesh's proxy. */
export type ProxyPlace = 'first' | 'last' | 'native';

/**
 * Istio's injector (`pkg/kube/inject`, `injectPod`): its proxy is the last container, with
 * holdApplicationUntilProxyStarts the first, as a native sidecar an init container. The probes of every other
 * container it sees are redirected to pilot-agent. A pod that is reviewed again is injected again from its current
 * state.
 */
export function injectAsIstio(pod: Pod): Pod {
  const place = istioPlace(pod);
  const { containers, initContainers = [] } = withoutIstio(pod);
  const proxy: Container = {
    name: 'istio-proxy',
    image: 'docker.io/istio/proxyv2:test',
    ports: [{ name: 'http-envoy-prom', containerPort: 15_090, protocol: 'TCP' }],
    ...(place === 'native' && { restartPolicy: 'Always' }),
    readinessProbe: { httpGet: { path: '/healthz/ready', port: 15_021 } },
    securityContext: { runAsUser: ISTIO_USER, runAsGroup: ISTIO_USER, runAsNonRoot: true },
  };
  const init: Container = {
    name: 'istio-init',
    image: 'docker.io/istio/proxyv2:test',
    securityContext: { runAsUser: 0, capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] } },
  };
  const rewritten = containers.map(withIstiosProbe);
  const status = { containers: [proxy.name], initContainers: [init.name], revision: 'default' };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata.annotations, [ISTIO_STATUS]: JSON.stringify(status) },
    },
    spec: {
      ...pod.spec,
      containers: {
        first: [proxy, ...rewritten],
        last: [...rewritten, proxy],
        native: rewritten,
      }[place],
      initContainers: [init, ...(place === 'native' ? [proxy] : []), ...initContainers.map(withIstiosProbe)],
    },
  };
}

function istioPlace({ metadata: { annotations = {} } }: Pod): ProxyPlace {
  if (annotations['sidecar.istio.io/nativeSidecar'] === 'true') return 'native';
  const holds = annotations['proxy.istio.io/config']?.includes('"holdApplicationUntilProxyStarts":true');
  return holds === true ? 'first' : 'last';
}

function withoutIstio({ spec }: Pod): Pick<Pod['spec'], 'containers' | 'initContainers'> {
  const isOthers = ({ name }: Container): boolean => name !== 'istio-proxy' && name !== 'istio-init';
  return {
    containers: spec.containers.filter(isOthers),
    initContainers: (spec.initContainers ?? []).filter(isOthers),
  };
}

/**
 * `convertAppProber` of `pkg/kube/inject/app_probe.go`: probes by HTTP, TCP and gRPC all become requests to
 * pilot-agent.
 */
function withIstiosProbe(container: Container): Container {
  const { readinessProbe: probe } = container;
  if (probe == null || (probe.httpGet ?? probe.tcpSocket ?? probe['grpc']) == null) return container;
  const { tcpSocket: _tcp, grpc: _grpc, httpGet, ...rest } = probe as Probe & { grpc?: unknown };
  const path = `/app-health/${container.name}/readyz`;
  const scheme = httpGet?.['scheme'] === 'HTTPS' ? { scheme: 'HTTP' } : {};
  return {
    ...container,
    readinessProbe: { ...rest, httpGet: { ...httpGet, path, port: ISTIO_STATUS_PORT, ...scheme } },
  };
}

/**
 * Linkerd's injector (`charts/patch`): with `config.linkerd.io/proxy-await` its proxy is the first container,
 * otherwise the last, as a native sidecar the first init container after linkerd-init. Probes are not changed, because
 * its proxy lets them through. A pod that has its proxy is left alone.
 */
export function injectAsLinkerd(pod: Pod): Pod {
  const annotations = pod.metadata.annotations ?? {};
  if (annotations[LINKERD_STATUS] !== undefined) return pod;
  const isNative = annotations['config.beta.linkerd.io/proxy-enable-native-sidecar'] === 'true';
  const waits = annotations['config.linkerd.io/proxy-await'] !== 'disabled';
  const proxy: Container = {
    name: 'linkerd-proxy',
    image: 'cr.l5d.io/linkerd/proxy:test',
    ports: [
      { name: 'linkerd-proxy', containerPort: 4143 },
      { name: 'linkerd-admin', containerPort: 4191 },
    ],
    ...(isNative && { restartPolicy: 'Always' }),
    readinessProbe: { httpGet: { path: '/ready', port: 4191 }, initialDelaySeconds: 2 },
    securityContext: { runAsUser: LINKERD_USER, runAsNonRoot: true, allowPrivilegeEscalation: false },
  };
  const init: Container = { name: 'linkerd-init', image: 'cr.l5d.io/linkerd/proxy-init:test' };
  const { containers, initContainers = [] } = pod.spec;
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...annotations, [LINKERD_STATUS]: 'test' } },
    spec: {
      ...pod.spec,
      containers: isNative ? containers : waits ? [proxy, ...containers] : [...containers, proxy],
      initContainers: [init, ...(isNative ? [proxy] : []), ...initContainers],
    },
  };
}

/** An injector as a webhook handler. */
export function asHandler(inject: (pod: Pod) => Pod): AdmissionHandler {
  return ({ object }): Promise<AdmissionDecision> => {
    const pod = object as unknown as Pod;
    const patch = jsonPatch.compare(pod, inject(pod));
    return Promise.resolve({ kind: 'patched', patch });
  };
}
