import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, NAMESPACES, PODS, SECRETS, SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';

interface Goldens {
  readonly secrets: Record<string, Record<string, { keys: string[]; annotations?: Record<string, string> }>>;
  readonly agentConfig: { readonly image: string };
  readonly cases: readonly { readonly name: string; readonly pod: GoldenPod; readonly expected: GoldenPod }[];
}

interface GoldenPod extends KubernetesObject {
  readonly spec: { readonly containers: readonly { readonly env?: { name: string; value?: string }[] }[] };
}

/** Pods before and after KServe's own webhook; see the file for how they were recorded. */
const goldens = JSON.parse(
  readFileSync(new URL('./upstream-goldens.json', import.meta.url), 'utf8'),
) as Goldens;

describe('a pod through the real API server comes out as from KServe v0.17.0', () => {
  let cluster: ManagedCluster;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client } = cluster);
    await prepare(client);
    // The system configuration is followed by a watch.
    const [first] = goldens.cases;
    await eventually(async () => {
      const stored = await client.create(PODS, first!.pod, { dryRun: true });
      expect(JSON.stringify(stored)).toContain(goldens.agentConfig.image);
    });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it.each(goldens.cases)('$name', async ({ pod, expected }) => {
    const stored = (await client.create(PODS, pod, { dryRun: true })) as GoldenPod;
    expect(comparable(stored)).toEqual(comparable(expected));
  });
});

async function prepare(client: ApiClient): Promise<void> {
  await client.create(NAMESPACES, { metadata: { name: 'kserve' } });
  await client.create(CONFIG_MAPS, {
    metadata: { name: 'inferenceservice-config', namespace: 'kserve' },
    data: { agent: JSON.stringify(goldens.agentConfig) },
  });
  for (const [account, secrets] of Object.entries(goldens.secrets)) {
    for (const [name, { keys, annotations = {} }] of Object.entries(secrets)) {
      const data = Object.fromEntries(keys.map((key) => [key, Buffer.from('secret').toString('base64')]));
      await client.create(SECRETS, { metadata: { name, namespace: 'default', annotations }, data });
    }
    await client.create(SERVICE_ACCOUNTS, {
      metadata: { name: account, namespace: 'default' },
      secrets: Object.keys(secrets).map((name) => ({ name })),
    });
  }
  await createService(client, inferenceService('sk'));
}

/** Without what differs at each creation, and with the mirrored probe as an object: its spelling does not matter. */
function comparable(pod: GoldenPod): unknown {
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
