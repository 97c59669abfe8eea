import { join } from 'node:path';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { CONTAINERS, INFERENCE_SERVICE_LABEL, modelConfigName } from '../../contract/names.ts';
import type { Pod } from '../../contract/pod.ts';
import { messageOf } from '../../lib/errors.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { PODS } from '../../kube/resources.ts';
import { deleteIfThere } from '../../kube/unless-there.ts';
import { freePorts } from '../controlplane/ports.ts';
import { runLocalPod } from '../demo/local-pod.ts';
import type { AgentPorts, LocalPod } from '../demo/local-pod.ts';
import type { LocalNodeOptions } from './local-node-options.ts';
import { podOf, podStatus, withAgentPorts } from './predictor-objects.ts';
import type { PodMaker } from './predictor-objects.ts';

/** A pod of the API server whose containers are processes of this machine. */
export interface NodePod {
  ready(): boolean;
  /** Whether it still exists and is not being deleted. */
  isThere(): Promise<boolean>;
  /** Ends the processes. */
  stop(): Promise<void>;
  /** Ends the processes and takes the pod out of the API server. */
  remove(): Promise<void>;
}

/** Creates the pod, through admission as any pod, and starts its containers; resolves before they are ready. */
export async function startNodePod(
  options: LocalNodeOptions,
  deployment: PodMaker,
  index: number,
): Promise<NodePod> {
  const { client, say, address: host } = options;
  const draft = podOf(deployment, index);
  const at = { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name ?? '' };
  await deletePod(client, at);
  const [port = 0, status = 0] = await freePorts(2);
  const pod = await createPod(client, draft, { host, port, status });
  await reportPod(options, at, pod, false);
  let running: LocalPod | undefined;
  let ended = false;
  const starting = run(options, pod, { host, port, status }).then(
    async (started) => {
      running = started;
      if (ended) return;
      await reportPod(options, at, pod, true);
      say(`pod ${at.namespace}/${at.name} is ready`);
    },
    (thrown: unknown) => say(`pod ${at.namespace}/${at.name} does not start: ${messageOf(thrown)}`),
  );
  const stop = async (): Promise<void> => {
    ended = true;
    await starting;
    await running?.stop();
    running = undefined;
  };
  return {
    ready: () => running !== undefined,
    isThere: () => isThere(client, at),
    stop,
    async remove() {
      await stop();
      await deletePod(client, at);
    },
  };
}

interface PodAddress {
  readonly namespace: string;
  readonly name: string;
}

/**
 * First only tried, so that it is known what the webhook makes of it: the ports of this machine have to be in the pod when it is
 * created, and may not be changed later.
 */
async function createPod(client: ApiClient, draft: Pod, ports: AgentPorts): Promise<Pod> {
  const create = async (pod: Pod, dryRun: boolean): Promise<Pod> =>
    (await client.create(PODS, pod as unknown as KubernetesObject, { dryRun })) as unknown as Pod;
  return create(withAgentPorts(await create(draft, true), ports), false);
}

async function run(options: LocalNodeOptions, pod: Pod, ports: AgentPorts): Promise<LocalPod> {
  const { namespace = '', name = '', labels } = pod.metadata;
  if (!pod.spec.containers.some((container) => container.name === CONTAINERS.agent)) {
    throw new Error('the webhook has not added the agent; mms explain says why');
  }
  const service = labels?.[INFERENCE_SERVICE_LABEL] ?? '';
  return runLocalPod({
    ...{ ...options, pod, ports, pidFiles: join(options.pidDirectory, `${namespace}_${name}`) },
    onRestart: (line) => options.say(`pod ${namespace}/${name}: ${line}`),
    configMap: { namespace, name: modelConfigName(service, 0) },
  });
}

async function reportPod(
  { client, address }: LocalNodeOptions,
  at: PodAddress,
  pod: Pod,
  ready: boolean,
): Promise<void> {
  const body = { status: podStatus(pod, address, ready) };
  await client.patch(PODS, at, { type: 'merge', body }, { subresource: 'status' });
}

async function isThere(client: ApiClient, at: PodAddress): Promise<boolean> {
  const pod = await getIfThere(client, PODS, at);
  return pod !== undefined && pod.metadata.deletionTimestamp === undefined;
}

/** One that was left by an earlier node, or has ended: no kubelet confirms its end. */
async function deletePod(client: ApiClient, at: PodAddress): Promise<void> {
  await deleteIfThere(client, PODS, at, { gracePeriodSeconds: 0 });
}
