import { createServer } from 'node:http';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { watchedPod } from '../../src/contract/watched-pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS, SERVICES } from '../../src/kube/resources.ts';

/** A server at the agent's port, at a loopback address that only the pod has. */
export interface PodServer {
  readonly address: string;
  stop(): Promise<void>;
}

export async function startPodServer(port: number): Promise<PodServer> {
  const address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(2, 255)}`;
  const server = createServer((_, response) => response.end('answered')).listen(port, address);
  await once(server, 'listening');
  return {
    address,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface SeenService extends KubernetesObject {
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly port: number; readonly targetPort: number }[];
  };
}

/**
 * Requests a URL of the cluster as a pod in it would, emulating kube-proxy: the Service of the host name, one of the
 * ready pods that it selects, and its target port. Undefined when any of these is missing.
 */
export async function requestInCluster(client: ApiClient, url: string): Promise<string | undefined> {
  const [name = '', namespace = ''] = new URL(url).hostname.split('.');
  const service = (await client.get(SERVICES, { namespace, name })) as unknown as SeenService;
  const port = service.spec.ports.find((one) => one.port === Number(new URL(url).port || 80));
  const { items } = await client.list(PODS, { namespace });
  const selector = Object.entries(service.spec.selector ?? {});
  const pod = items
    .filter(({ metadata }) => selector.every(([key, value]) => metadata.labels?.[key] === value))
    .map(watchedPod)
    .find(({ ready }) => ready);
  if (pod?.podIP === undefined || port === undefined) return undefined;
  try {
    return await (await fetch(`http://${pod.podIP}:${port.targetPort}/`)).text();
  } catch {
    return undefined;
  }
}
