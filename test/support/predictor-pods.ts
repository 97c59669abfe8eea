import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS } from '../../src/kube/resources.ts';
import { predictorPod } from './predictor-pod.ts';

export interface PlacedPod {
  readonly name: string;
  readonly service: string;
  /** The port of the agent's status on 127.0.0.1. No kubelet runs the pod. */
  readonly statusPort: number;
  /** The port of the agent's proxy. Default: the status port, so that no other port is used. */
  readonly agentPort?: number;
  readonly ready?: boolean;
}

/**
 * A predictor pod that is created through the webhook, on a node that does not exist, with the status that kubelet
 * would write for running containers. Its flag sets the agent's status port; its address is the loopback.
 */
export async function placePod(
  client: ApiClient,
  { name, service, statusPort, agentPort = statusPort, ready = true }: PlacedPod,
): Promise<void> {
  const injected = (await client.create(PODS, predictorPod(name, service), {
    dryRun: true,
  })) as KubernetesObject & { spec: { containers: { name: string; args?: string[]; ports?: object[] }[] } };
  const agent = injected.spec.containers.find((container) => container.name === 'agent');
  if (agent === undefined) throw new Error(`the pod ${name} was not injected`);
  agent.args = [...(agent.args ?? []), '--status-port', String(statusPort)];
  agent.ports = [{ name: 'agent-port', containerPort: agentPort }];
  const { labels, annotations, namespace } = injected.metadata;
  await client.create(PODS, {
    ...{ metadata: { name, namespace, labels, annotations } },
    spec: { ...injected.spec, nodeName: 'nowhere' },
  } as unknown as KubernetesObject);
  await setPodStatus(client, name, ready);
}

/** Writes the status as kubelet would. */
export async function setPodStatus(client: ApiClient, name: string, ready: boolean): Promise<void> {
  const status = {
    phase: 'Running',
    podIP: '127.0.0.1',
    podIPs: [{ ip: '127.0.0.1' }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  };
  await client.patch(
    PODS,
    { namespace: 'default', name },
    { type: 'merge', body: { status } },
    { subresource: 'status' },
  );
}
