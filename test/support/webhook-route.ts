import { networkInterfaces } from 'node:os';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { WEBHOOK_SERVICE } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { isApiError } from '../../src/kube/api-error.ts';
import { ENDPOINT_SLICES, PODS } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';

const NAMESPACE = 'kserve-mms-system';
const ENDPOINTS: Resource = {
  ...{ group: '', version: 'v1', plural: 'endpoints', kind: 'Endpoints', namespaced: true },
};

/**
 * For a control plane without nodes: its API server then calls webhooks at the endpoints of their Service, instead of
 * the ClusterIP, which needs a node's kube-proxy.
 */
export const ROUTED = ['--enable-aggregator-routing=true'];

/**
 * Makes these ports of this machine the ready endpoints of the webhook's Service, as kubelet and the endpoint
 * controllers do for pods. Webhook calls use EndpointSlices; the API server's proxy uses Endpoints and their pods.
 */
export async function routeWebhook(client: ApiClient, ports: readonly number[]): Promise<void> {
  const ip = addressOfThisMachine();
  const metadata = { namespace: NAMESPACE, name: WEBHOOK_SERVICE };
  for (const port of ports) await pretendPod(client, podName(port), ip);
  await put(client, ENDPOINTS, {
    metadata,
    subsets: ports.map((port) => ({
      addresses: [{ ip, targetRef: { kind: 'Pod', namespace: NAMESPACE, name: podName(port) } }],
      ports: [{ name: 'webhook', port }],
    })),
  } as KubernetesObject);
  const labelSelector = `kubernetes.io/service-name=${WEBHOOK_SERVICE}`;
  const { items } = await client.list(ENDPOINT_SLICES, { namespace: NAMESPACE, labelSelector });
  for (const port of ports) await put(client, ENDPOINT_SLICES, sliceOf(port, ip));
  for (const slice of items) {
    if (!ports.some((port) => sliceName(port) === slice.metadata.name))
      await client.delete(ENDPOINT_SLICES, { namespace: NAMESPACE, name: slice.metadata.name });
  }
}

function sliceOf(port: number, ip: string): KubernetesObject {
  return {
    metadata: {
      ...{ namespace: NAMESPACE, name: sliceName(port) },
      labels: { 'kubernetes.io/service-name': WEBHOOK_SERVICE },
    },
    addressType: 'IPv4',
    ports: [{ name: 'webhook', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
  } as KubernetesObject;
}

const podName = (port: number): string => `manager-${port}`;
const sliceName = (port: number): string => `${WEBHOOK_SERVICE}-${port}`;

/** The API server proxies only to addresses of pods. */
async function pretendPod(client: ApiClient, name: string, ip: string): Promise<void> {
  // As the namespace requires: pod-security.kubernetes.io/enforce: restricted.
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const spec = {
    nodeName: 'node-1',
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'manager', image: 'x', securityContext }],
  };
  await createUnlessThere(client, PODS, { metadata: { namespace: NAMESPACE, name }, spec });
  const status = { podIP: ip, podIPs: [{ ip }] };
  await client.patch(
    PODS,
    { namespace: NAMESPACE, name },
    { type: 'merge', body: { status } },
    { subresource: 'status' },
  );
}

async function put<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  if (!(await createUnlessThere(client, resource, object))) await client.replace(resource, object);
}

async function createUnlessThere<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  object: T,
): Promise<boolean> {
  try {
    await client.create(resource, object);
    return true;
  } catch (thrown) {
    if (isApiError(thrown, 'API_ALREADY_EXISTS')) return false;
    throw thrown;
  }
}

/** Endpoints must not be in the loopback range. */
function addressOfThisMachine(): string {
  const address = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (address === undefined)
    throw new Error('this machine has no IPv4 address besides 127.0.0.1, and a Service needs one to lead to');
  return address;
}
