import { readFileSync } from 'node:fs';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import { SHIPPED } from './credential-case.ts';
import { createService, inferenceService } from './cluster-client.ts';
import { eventually } from './eventually.ts';
import { startKServeCluster } from './kserve-cluster.ts';
import { kserveSystemConfig } from './kserve-install.ts';

interface Goldens {
  readonly secrets: Record<string, Record<string, { keys: string[]; annotations?: Record<string, string> }>>;
  readonly agentConfig: { readonly image: string };
  readonly cases: readonly { readonly name: string; readonly pod: GoldenPod; readonly expected: GoldenPod }[];
}

export interface GoldenPod extends KubernetesObject {
  readonly spec: { readonly containers: readonly { readonly env?: { name: string; value?: string }[] }[] };
}

/** Pods before and after KServe v0.17.0's own webhook; the file's `source` says how they were recorded. */
export const GOLDENS = JSON.parse(
  readFileSync(new URL('../integration/upstream-goldens.json', import.meta.url), 'utf8'),
) as Goldens;

const SYSTEM_CONFIG_NAME = { namespace: 'kserve', name: 'inferenceservice-config' };

/**
 * Creates Secrets, service accounts, the InferenceService, and the system configuration, and waits until the webhook
 * uses it.
 */
export async function prepareGoldens(
  client: ApiClient,
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const agent = JSON.stringify(GOLDENS.agentConfig);
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: SYSTEM_CONFIG_NAME,
    data: { ...data, agent },
  };
  const apply = { type: 'apply', body, fieldManager: 'test', force: true } as const;
  await client.patch(CONFIG_MAPS, SYSTEM_CONFIG_NAME, apply);
  for (const [account, secrets] of Object.entries(GOLDENS.secrets)) {
    for (const [name, { keys, annotations = {} }] of Object.entries(secrets)) {
      const values = Object.fromEntries(keys.map((key) => [key, Buffer.from('secret').toString('base64')]));
      const metadata = { name, namespace: 'default', annotations };
      await client.create(SECRETS, { metadata, data: values });
    }
    await client.create(SERVICE_ACCOUNTS, {
      metadata: { name: account, namespace: 'default' },
      secrets: Object.keys(secrets).map((name) => ({ name })),
    });
  }
  // The API server calls a new webhook a moment after its registration.
  await eventually(() => createService(client, inferenceService('sk')));
  const [first] = GOLDENS.cases;
  await eventually(async () => {
    const text = JSON.stringify(await client.create(PODS, first!.pod, { dryRun: true }));
    if (!text.includes(GOLDENS.agentConfig.image)) throw new Error(`no agent of the goldens: ${text}`);
  });
}

/** The pod that a webhook makes of each case, by the case's name. */
export async function answersTo(client: ApiClient): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const { name, pod } of GOLDENS.cases) {
    answers[name] = comparable((await client.create(PODS, pod, { dryRun: true })) as GoldenPod);
  }
  return answers;
}

/** Sends the cases to the pod webhook of KServe's own manager, on a real API server. */
export async function recordPods(): Promise<Record<string, unknown>> {
  const cluster = await startKServeCluster();
  try {
    const credentials = JSON.stringify(SHIPPED);
    await prepareGoldens(cluster.client, { ...kserveSystemConfig(), credentials });
    return await answersTo(cluster.client);
  } finally {
    await cluster.stop();
  }
}

/** Removes what differs at each creation, and parses the mirrored probe, whose formatting does not matter. */
export function comparable(pod: GoldenPod): unknown {
  const { name, namespace, labels, annotations } = pod.metadata;
  const containers = pod.spec.containers.map((container) => ({
    ...container,
    ...(container.env && { env: container.env.map(readable) }),
  }));
  return { metadata: { name, namespace, labels, annotations }, spec: { ...pod.spec, containers } };
}

function readable(variable: { name: string; value?: string }): object {
  if (variable.name !== 'SERVING_READINESS_PROBE' || variable.value === undefined) return variable;
  return { ...variable, value: JSON.parse(variable.value) as unknown };
}
