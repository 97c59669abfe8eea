import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { POD_METRICS } from '../../src/kube/resources.ts';
import { eventually } from './eventually.ts';
import { kubectlWithInput } from './kubectl.ts';

/**
 * Lets the API server answer for metrics.k8s.io like metrics-server, with metrics that a test stores: the same paths
 * and objects, by a CustomResourceDefinition instead of an aggregated API server.
 */
export async function serveMetrics(kubeconfig: string): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const definition = {
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    metadata: {
      name: 'pods.metrics.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: {
      ...{ group: 'metrics.k8s.io', scope: 'Namespaced' },
      names: { plural: 'pods', singular: 'pod', kind: 'PodMetrics' },
      versions: [{ name: 'v1beta1', served: true, storage: true, schema }],
    },
  };
  await kubectlWithInput(kubeconfig, JSON.stringify(definition), ['apply', '-f', '-']);
}

/** Stores the usage of a pod by container. Metrics have the labels of their pods. */
export async function measure(
  client: ApiClient,
  pod: KubernetesObject,
  usage: Readonly<Record<string, { readonly cpu: string; readonly memory: string }>>,
): Promise<void> {
  const { name, namespace, labels } = pod.metadata;
  const containers = Object.entries(usage).map(([container, its]) => ({ name: container, usage: its }));
  const metrics = {
    metadata: { name, namespace, labels },
    ...{ timestamp: '2026-01-01T00:00:00Z', window: '15s', containers },
  };
  await eventually(() => client.create(POD_METRICS, metrics as KubernetesObject));
}
