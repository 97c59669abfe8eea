import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Container, Pod, Volume } from '../../src/contract/pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../../src/kube/resources.ts';
import { AGENT_CASES, type AgentCase, agentConfigOf, askingService, LOG_ACCOUNTS } from './agent-cases.ts';
import { eventually } from './eventually.ts';
import { startKServeCluster } from './kserve-cluster.ts';

/** The objects that KServe made of one case. */
export interface RecordedAgent {
  /** A pod by the template of KServe's Deployment, before its webhook. */
  readonly pod: Pod;
  /** The agent's container from the webhook. */
  readonly agent: Container;
  readonly volumes: readonly Volume[];
}

/** By case. */
export type RecordedAgents = Readonly<Record<string, RecordedAgent>>;

/** KServe's own manager makes each predictor, and its own webhook injects the pods. */
export async function recordAgents(): Promise<RecordedAgents> {
  const cluster = await startKServeCluster();
  const { client } = cluster;
  const recorded: Record<string, RecordedAgent> = {};
  try {
    await createLogAccounts(client);
    for (const [name, asked] of Object.entries(AGENT_CASES))
      recorded[name] = await recordAgent(client, name, asked);
    return recorded;
  } finally {
    await cluster.stop();
  }
}

async function createLogAccounts(client: ApiClient): Promise<void> {
  for (const [account, { secret, keys, annotations }] of Object.entries(LOG_ACCOUNTS)) {
    const data = Object.fromEntries(keys.map((key) => [key, Buffer.from('secret').toString('base64')]));
    await client.create(SECRETS, { metadata: { name: secret, namespace: 'default', annotations }, data });
    await client.create(SERVICE_ACCOUNTS, {
      metadata: { name: account, namespace: 'default' },
      secrets: [{ name: secret }],
    } as KubernetesObject);
  }
}

async function recordAgent(client: ApiClient, name: string, asked: AgentCase): Promise<RecordedAgent> {
  const place = { namespace: 'kserve', name: 'inferenceservice-config' };
  await client.patch(CONFIG_MAPS, place, { type: 'merge', body: { data: agentConfigOf(asked) } });
  const inferenceService = askingService(name, asked);
  await eventually(() => client.create(INFERENCE_SERVICES, inferenceService as KubernetesObject));
  const deployment = (await eventually(
    () => client.get(DEPLOYMENTS, { namespace: 'default', name: `${name}-predictor` }),
    60_000,
  )) as unknown as { readonly spec: { readonly template: Pod } };
  const { metadata, spec } = deployment.spec.template;
  const { labels = {}, annotations = {} } = metadata;
  const { podName } = asked;
  const called = podName === undefined ? { generateName: `${name}-predictor-` } : { name: podName };
  const pod = {
    metadata: { ...called, namespace: 'default', labels, annotations },
    spec,
  } as unknown as KubernetesObject;
  const made = (await client.create(PODS, pod, { dryRun: true })) as unknown as Pod;
  const agent = made.spec.containers.find((one) => one.name === 'agent');
  if (agent === undefined) throw new Error(`${name}: KServe's webhook added no agent`);
  return { pod: pod as unknown as Pod, agent, volumes: made.spec.volumes ?? [] };
}
