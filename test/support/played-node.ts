import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { EndpointSlice } from '../../src/contract/endpoint-slice.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Deployment } from '../../src/contract/predictor-outcome.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import {
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  INFERENCE_SERVICES,
  PODS,
  SERVICES,
} from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { seededRandom } from './seeded-random.ts';

type Template = {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
};
interface PodSpec {
  readonly containers: readonly { readonly name: string; readonly [field: string]: unknown }[];
}
type Deployed = Deployment & { spec: { replicas: number; template: Template } };

/** The server behind the one pod of a Deployment. */
export interface ServedBy {
  /** The port where the pod answers requests. */
  readonly port: number;
  /** The port of the agent; undefined for a pod without an agent. */
  readonly statusPort?: number;
}

/** An emulation of Kubernetes' controllers and one kubelet, for Deployments of one pod. */
export interface PlayedNode {
  /** Stops it. Throws the first failure. */
  stop(): Promise<void>;
}

/**
 * Makes a pod for each Deployment with replicas, at this machine's address, and deletes it when there are none. A pod
 * that ends is removed from its Service first while its server continues, as with a preStop hook.
 */
export function playNode(client: ApiClient, serve: (deployment: string) => Promise<ServedBy>): PlayedNode {
  const ending = new AbortController();
  const served = new Map<string, ServedBy>();
  const playing = (async () => {
    while (!ending.signal.aborted) {
      await collectGarbage(client);
      const { items } = await client.list(DEPLOYMENTS, { namespace: 'default' });
      for (const deployment of items as Deployed[]) await keep(deployment);
      await sweep(new Set(items.map(({ metadata }) => metadata.name)));
      await delay(100, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();

  async function keep(deployment: Deployed): Promise<void> {
    const { name, generation = 0 } = deployment.metadata;
    const { replicas, template } = deployment.spec;
    const wanted = Math.min(1, replicas);
    const pod = await getIfThere(client, PODS, { namespace: 'default', name: `${name}-0` });
    if (wanted === 1 && pod === undefined) {
      const by = served.get(name) ?? (await serve(name));
      served.set(name, by);
      await createPod(client, name, template, by);
    }
    if (wanted === 0 && pod !== undefined) await deletePod(client, name);
    if (
      deployment.status?.observedGeneration === generation &&
      deployment.status.replicas === (wanted || undefined)
    )
      return;
    await setStatus(client, name, generation, wanted);
  }

  async function sweep(deployments: ReadonlySet<string>): Promise<void> {
    for (const name of served.keys()) {
      if (deployments.has(name)) continue;
      await deletePod(client, name);
      served.delete(name);
    }
  }

  // Handles the rejection until stop() reports it.
  const settled = playing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return {
    async stop() {
      ending.abort();
      const thrown = await settled;
      if (thrown !== undefined) throw new Error('the played node failed', { cause: thrown });
    },
  };
}

/** Objects of a deleted InferenceService are deleted too. */
async function collectGarbage(client: ApiClient): Promise<void> {
  const namespace = 'default';
  // The order matters: objects that are created meanwhile have a listed owner.
  const made = await Promise.all(
    [DEPLOYMENTS, SERVICES].map(async (resource: Resource) => {
      const { items } = await client.list(resource, { namespace });
      return items.map(({ metadata }) => ({ resource, metadata }));
    }),
  );
  const { items } = await client.list(INFERENCE_SERVICES, { namespace });
  const owners = new Set(items.map(({ metadata }) => metadata.uid));
  for (const { resource, metadata } of made.flat()) {
    const [owner] = metadata.ownerReferences ?? [];
    if (owner?.kind !== 'InferenceService' || owners.has(owner.uid)) continue;
    await client.delete(resource, { namespace, name: metadata.name });
  }
}

async function createPod(
  client: ApiClient,
  deployment: string,
  template: Template,
  by: ServedBy,
): Promise<void> {
  const { statusPort } = by;
  const containers = template.spec.containers
    .filter(({ name }) => name === 'kserve-container')
    .map((container) => ({ ...container, ports: [{ containerPort: by.port }], readinessProbe: undefined }));
  const { labels, annotations = {} } = template.metadata;
  const pod = {
    metadata: { name: `${deployment}-0`, namespace: 'default', labels, annotations },
    spec: { nodeName: 'nowhere', containers },
  } as unknown as KubernetesObject;
  const created = await client.create(
    PODS,
    statusPort === undefined ? pod : await withAgent(client, pod, by),
  );
  const podIP = addressOfThisMachine();
  const conditions = [{ type: 'Ready', status: 'True' }];
  const body = { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions } };
  await client.patch(PODS, created.metadata, { type: 'merge', body }, { subresource: 'status' });
}

/** The pod with the agent from the webhooks, whose ports are those of the running agent. */
async function withAgent(
  client: ApiClient,
  pod: KubernetesObject,
  { port, statusPort }: ServedBy,
): Promise<KubernetesObject> {
  const { spec } = (await client.create(PODS, pod, { dryRun: true })) as KubernetesObject & {
    spec: { containers: { name: string; args?: string[]; ports?: object[] }[] };
  };
  const agent = spec.containers.find(({ name }) => name === 'agent');
  if (agent === undefined) throw new Error(`the pod ${pod.metadata.name} was not injected`);
  agent.args = [...(agent.args ?? []), '--status-port', String(statusPort)];
  agent.ports = [{ name: 'agent-port', containerPort: port }];
  return { ...pod, spec } as KubernetesObject;
}

async function deletePod(client: ApiClient, deployment: string): Promise<void> {
  const reference = { namespace: 'default', name: `${deployment}-0` };
  if ((await getIfThere(client, PODS, reference)) === undefined) return;
  await client.delete(PODS, reference, { gracePeriodSeconds: 0 });
}

async function setStatus(client: ApiClient, name: string, generation: number, pods: number): Promise<void> {
  const now = new Date().toISOString();
  const condition = { status: 'True', message: '', lastUpdateTime: now, lastTransitionTime: now };
  const counts = pods === 0 ? null : pods;
  const status = {
    ...{ observedGeneration: generation, replicas: counts, updatedReplicas: counts },
    ...{ readyReplicas: counts, availableReplicas: counts },
    conditions: [
      { type: 'Available', reason: 'MinimumReplicasAvailable', ...condition },
      { type: 'Progressing', reason: 'NewReplicaSetAvailable', ...condition },
    ],
  };
  const reference = { namespace: 'default', name };
  await client.patch(DEPLOYMENTS, reference, { type: 'merge', body: { status } }, { subresource: 'status' });
}

/** The endpoints of Services, as kube-proxy has them: those of the selected pods and those of every EndpointSlice. */
export interface PlayedProxy {
  /** One endpoint as `host:port`. Throws without one. */
  pick(service: string): string;
  /** All endpoints. */
  endpointsOf(service: string): readonly string[];
  stop(): Promise<void>;
}

export async function playProxy(client: ApiClient): Promise<PlayedProxy> {
  const ending = new AbortController();
  const random = seededRandom(7);
  let known: ReadonlyMap<string, readonly string[]> = await readEndpoints(client);
  const playing = (async () => {
    while (!ending.signal.aborted) {
      known = await readEndpoints(client);
      await delay(50, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    endpointsOf: (service) => known.get(service) ?? [],
    pick(service) {
      const endpoints = known.get(service) ?? [];
      const found = endpoints[Math.floor(random() * endpoints.length)];
      if (found === undefined) throw new Error(`Service ${service} has no endpoints`);
      return found;
    },
    async stop() {
      ending.abort();
      await playing;
    },
  };
}

interface SeenService extends KubernetesObject {
  readonly spec: {
    readonly selector?: Record<string, string>;
    readonly ports: readonly { readonly name?: string }[];
  };
}
interface SeenPod extends KubernetesObject {
  readonly spec: {
    readonly containers: readonly { readonly ports?: readonly { containerPort: number }[] }[];
  };
  readonly status?: { readonly podIP?: string };
}

async function readEndpoints(client: ApiClient): Promise<ReadonlyMap<string, readonly string[]>> {
  const namespace = 'default';
  const [services, pods, slices] = await Promise.all([
    client.list(SERVICES, { namespace }),
    client.list(PODS, { namespace }),
    client.list(ENDPOINT_SLICES, { namespace }),
  ]);
  return new Map(
    (services.items as SeenService[]).map((service) => [
      service.metadata.name,
      [
        ...(pods.items as SeenPod[]).flatMap((pod) => selected(service, pod)),
        ...slices.items.flatMap((slice) => inSlice(service, slice)),
      ],
    ]),
  );
}

function selected({ spec: { selector } }: SeenService, { metadata, spec, status }: SeenPod): string[] {
  const isIts =
    selector !== undefined &&
    Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);
  const port = spec.containers.at(-1)?.ports?.[0]?.containerPort;
  if (!isIts || metadata.deletionTimestamp !== undefined || status?.podIP === undefined) return [];
  return [`${status.podIP}:${port}`];
}

/** kube-proxy matches the ports of a slice with those of its Service by name. */
function inSlice({ metadata, spec }: SeenService, slice: EndpointSlice): string[] {
  if (slice.metadata.labels?.['kubernetes.io/service-name'] !== metadata.name) return [];
  const port = (slice.ports ?? []).find(({ name = '' }) =>
    spec.ports.some((one) => (one.name ?? '') === name),
  )?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .map(({ addresses }) => `${addresses?.[0] ?? ''}:${port}`);
}

/**
 * An address that is not the loopback, which an EndpointSlice may not contain and the API server does not proxy to.
 */
export function addressOfThisMachine(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const address = all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (address === undefined)
    throw new Error('this machine has no address but the loopback; the test needs one');
  return address;
}
