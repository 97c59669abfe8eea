import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  NAMESPACES,
  SERVICES,
  SERVING_RUNTIMES,
} from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { eventually } from './eventually.ts';
import { startKServeCluster } from './kserve-cluster.ts';

/**
 * The objects of a case of test/unit/controllers/predictors/predictors: an InferenceService, and the available
 * runtimes.
 */
export function predictorCase(name: string): readonly KubernetesObject[] {
  const file = new URL(`../unit/controllers/predictors/predictors/${name}.yaml`, import.meta.url);
  const documents = parseAllDocuments(readFileSync(file, 'utf8'));
  // The last document is the expected result.
  return documents.slice(0, -1).map((document) => document.toJS() as KubernetesObject);
}

/**
 * The Deployment and the Service that KServe's own manager makes of each case on a real API server, by the case's
 * name.
 */
export async function recordPredictors(names: readonly string[]): Promise<Record<string, unknown>> {
  const cluster = await startKServeCluster();
  const { client } = cluster;
  const recorded: Record<string, unknown> = {};
  try {
    for (const name of names) {
      recorded[name] = await recordCase(client, name);
    }
    return recorded;
  } finally {
    await cluster.stop();
  }
}

async function recordCase(client: ApiClient, name: string): Promise<unknown> {
  const namespace = `c-${name}`;
  await client.create(NAMESPACES, { metadata: { name: namespace } });
  const [inferenceService, ...runtimes] = predictorCase(name);
  for (const runtime of runtimes) await client.create(resourceOf(runtime), placed(runtime, namespace));
  const { uid: _uid, ...metadata } = { ...inferenceService!.metadata, namespace };
  // The API server calls a new webhook a moment after its registration.
  await eventually(() => client.create(INFERENCE_SERVICES, { ...inferenceService!, metadata }));
  const key = { namespace, name: `${metadata.name}-predictor` };
  const deployment = await eventually(() => client.get(DEPLOYMENTS, key), 60_000);
  const service = await eventually(() => client.get(SERVICES, key), 60_000);
  // ClusterServingRuntimes would also be selected for the next case.
  for (const runtime of runtimes.filter(isOfCluster)) {
    await client.delete(CLUSTER_SERVING_RUNTIMES, { name: runtime.metadata.name });
  }
  return recordOf(deployment, service);
}

function isOfCluster(runtime: KubernetesObject): boolean {
  return (runtime as { readonly kind?: string }).kind === 'ClusterServingRuntime';
}

function resourceOf(runtime: KubernetesObject): Resource {
  return isOfCluster(runtime) ? CLUSTER_SERVING_RUNTIMES : SERVING_RUNTIMES;
}

function placed(runtime: KubernetesObject, namespace: string): KubernetesObject {
  const { name } = runtime.metadata;
  return { ...runtime, metadata: isOfCluster(runtime) ? { name } : { name, namespace } };
}

function recordOf(deployment: KubernetesObject, service: KubernetesObject): unknown {
  const { labels, annotations } = deployment.metadata;
  const { spec } = deployment as unknown as { readonly spec: object };
  const { selector, ports } = (service as unknown as { spec: { selector: object; ports: object[] } }).spec;
  return { deployment: { labels, annotations, spec }, service: { selector, ports } };
}
