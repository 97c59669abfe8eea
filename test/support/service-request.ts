import { createServer } from 'node:http';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { watchedPod } from '../../src/contract/watched-pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS, SERVICES } from '../../src/kube/resources.ts';

/** What listens where a pod's agent does, at an address of the loopback that is the pod's alone. */
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
 * Asks a URL of the cluster as a pod in it would, with kube-proxy's part played: the Service that the host names, one of the ready
 * pods that it selects, and the port that it leads to. Undefined when that way ends anywhere.
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
