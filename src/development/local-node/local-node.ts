import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { seconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { INFERENCE_SERVICE_LABEL } from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { DEPLOYMENTS, ENDPOINT_SLICES, INFERENCE_SERVICES, SERVICES } from '../../kube/resources.ts';
import { deleteIfThere } from '../../kube/unless-there.ts';
import type { LocalNodeOptions } from './local-node-options.ts';
import { deploymentStatus, endpointsOf } from './predictor-objects.ts';
import type { PodMaker } from './predictor-objects.ts';
import { startNodePod } from './node-pod.ts';
import type { NodePod } from './node-pod.ts';

const EVERY = seconds(0.5);

/** A predictor's pod, and the generation of the Deployment that it was made of. */
interface Placed {
  readonly generation: number;
  readonly pod: NodePod;
}

/**
 * Runs the predictors that the manager makes, as processes of this machine, until stopped. It stands for what a cluster
 * has besides an API server: the controllers of Deployments and EndpointSlices, the garbage collector, kubelet.
 */
export async function runLocalNode(options: LocalNodeOptions, stopped: AbortSignal): Promise<void> {
  const placed = new Map<string, Placed>();
  while (!stopped.aborted) {
    try {
      await look(options, placed, stopped);
    } catch (thrown) {
      // What is listed may be gone a moment later: the next round sees that.
      options.logger.warn({ error: messageOf(thrown) }, 'a round failed');
    }
    await options.clock.sleep(EVERY, stopped);
  }
  for (const { pod } of placed.values()) await pod.stop();
}

async function look(
  options: LocalNodeOptions,
  placed: Map<string, Placed>,
  stopped: AbortSignal,
): Promise<void> {
  const { client } = options;
  const { items } = await client.list(DEPLOYMENTS, { labelSelector: INFERENCE_SERVICE_LABEL });
  const deployments = (await withOwner(client, items as readonly PodMaker[])).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
  const wanted = new Map(deployments.flatMap((deployment) => podsWanted(deployment)));
  for (const [key, { generation, pod }] of placed) {
    const isWanted = wanted.get(key)?.deployment.metadata.generation === generation && (await pod.isThere());
    if (isWanted) continue;
    await pod.remove();
    placed.delete(key);
  }
  for (const [key, { deployment, index }] of wanted) {
    if (placed.has(key) || stopped.aborted) continue;
    const directory = join(options.directory, key.replaceAll('/', '_'));
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const pod = await startNodePod({ ...options, directory }, deployment, index);
    placed.set(key, { generation: deployment.metadata.generation ?? 0, pod });
  }
  for (const deployment of deployments) await report(options, deployment, placed);
}

/** Deletes those whose InferenceService is gone, as the garbage collector does; the others. */
async function withOwner(client: ApiClient, deployments: readonly PodMaker[]): Promise<readonly PodMaker[]> {
  const { items } = await client.list(INFERENCE_SERVICES);
  const owners = new Set(items.map(({ metadata }) => metadata.uid));
  const kept: PodMaker[] = [];
  for (const deployment of deployments) {
    const [owner] = deployment.metadata.ownerReferences ?? [];
    if (owner === undefined || owners.has(owner.uid)) {
      kept.push(deployment);
      continue;
    }
    const { namespace = '', name } = deployment.metadata;
    for (const [resource, of] of [
      [SERVICES, name],
      [ENDPOINT_SLICES, `${name}-local`],
      [DEPLOYMENTS, name],
    ] as const) {
      await deleteIfThere(client, resource, { namespace, name: of });
    }
  }
  return kept;
}

function podsWanted(deployment: PodMaker): [string, { deployment: PodMaker; index: number }][] {
  const { namespace = '', name } = deployment.metadata;
  const replicas = deployment.spec?.replicas ?? 1;
  return Array.from({ length: replicas }, (_, index) => [
    `${namespace}/${name}-${index}`,
    { deployment, index },
  ]);
}

/** Writes the status of a Deployment, if it has changed. */
async function report(
  { client, address }: LocalNodeOptions,
  deployment: PodMaker,
  placed: ReadonlyMap<string, Placed>,
): Promise<void> {
  const { namespace = '', name, generation } = deployment.metadata;
  const pods = podsWanted(deployment).flatMap(([key]) => placed.get(key) ?? []);
  const ready = pods.filter(({ pod }) => pod.ready()).length;
  const { status } = deployment;
  if (status?.observedGeneration === generation && (status?.readyReplicas ?? 0) === ready) return;
  const { metadata, ...endpoints } = endpointsOf(deployment, address, ready);
  await client.patch(
    ENDPOINT_SLICES,
    { namespace, name: metadata.name },
    { type: 'apply', fieldManager: 'local-node', force: true, body: { metadata, ...endpoints } },
  );
  await client.patch(
    DEPLOYMENTS,
    { namespace, name },
    { type: 'merge', body: { status: deploymentStatus(deployment, pods.length, ready) } },
    { subresource: 'status' },
  );
}
