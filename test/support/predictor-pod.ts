import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Pod } from '../../src/contract/pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS } from '../../src/kube/resources.ts';

/** The example pod of the manifests, for an InferenceService of the test. */
export function predictorPod(
  name: string,
  service: string,
  change: (pod: Pod) => void = () => undefined,
): KubernetesObject {
  const file = new URL('../../manifests/examples/predictor-pod.yaml', import.meta.url);
  const pod = parse(readFileSync(file, 'utf8')) as Pod;
  const labels = { 'serving.kserve.io/inferenceservice': service, component: 'predictor' };
  const result = { ...pod, metadata: { name, namespace: 'default', labels } };
  change(result);
  return result;
}

/** The pod as the API server would store it, from a dry run. */
export async function dryRunPod(client: ApiClient, pod: KubernetesObject): Promise<Pod> {
  return (await client.create(PODS, pod, { dryRun: true })) as unknown as Pod;
}

export async function dryRunContainers(client: ApiClient, pod: KubernetesObject): Promise<string[]> {
  return (await dryRunPod(client, pod)).spec.containers.map(({ name }) => name);
}
