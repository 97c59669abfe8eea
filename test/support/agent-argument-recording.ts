import type { KubernetesObject } from '../../src/core/kubernetes.ts';
import type { Pod } from '../../src/core/pod.ts';
import { DEPLOYMENTS, INFERENCE_SERVICES, PODS } from '../../src/kube/resources.ts';
import { eventually } from './eventually.ts';
import { startKServeCluster } from './kserve-cluster.ts';

/** Predictors that are not multi-model, and what they ask of KServe's agent. */
export const AGENT_CASES = {
  logger: { logger: { mode: 'all', url: 'http://sink.default/' } },
  'logger-metadata': {
    logger: {
      mode: 'request',
      url: 'http://sink.default/',
      metadataHeaders: ['X-Request-Id', 'X-Team'],
      metadataAnnotations: ['example.com/owner'],
    },
  },
  'logger-default-sink': { logger: { mode: 'response' } },
  'logger-store': {
    logger: {
      mode: 'all',
      url: 's3://logs/prefix',
      storage: { path: '/logs', key: 'logs', parameters: { format: 'csv' } },
      batchSize: 10,
      batchInterval: '30s',
    },
  },
  batcher: { batcher: { maxBatchSize: 8, maxLatency: 100 } },
  'batcher-defaults': { batcher: {} },
  both: {
    logger: { mode: 'all', url: 'http://sink.default/' },
    batcher: { maxBatchSize: 8, maxLatency: 100 },
  },
} as const;

/** The agent's container as KServe's own webhook made it, by case. */
export type RecordedAgents = Readonly<Record<string, { readonly args: string[]; readonly image: string }>>;

/** Lets KServe's own manager make each predictor, and its own webhook the pods. */
export async function recordAgents(): Promise<RecordedAgents> {
  const cluster = await startKServeCluster();
  const { client } = cluster;
  const recorded: Record<string, { args: string[]; image: string }> = {};
  try {
    for (const [name, asked] of Object.entries(AGENT_CASES)) {
      const container = { name: 'kserve-container', image: 'server', ports: [{ containerPort: 8080 }] };
      const annotations = { 'example.com/owner': 'us' };
      await eventually(() =>
        client.create(INFERENCE_SERVICES, {
          apiVersion: 'serving.kserve.io/v1beta1',
          kind: 'InferenceService',
          metadata: { name, namespace: 'default', annotations },
          spec: { predictor: { ...asked, containers: [container] } },
        } as KubernetesObject),
      );
      const deployment = (await eventually(
        () => client.get(DEPLOYMENTS, { namespace: 'default', name: `${name}-predictor` }),
        60_000,
      )) as unknown as { readonly spec: { readonly template: Pod } };
      const { metadata, spec } = deployment.spec.template;
      const pod = { ...metadata, name: undefined, generateName: `${name}-predictor-`, namespace: 'default' };
      const made = (await client.create(PODS, { metadata: pod, spec } as unknown as KubernetesObject, {
        dryRun: true,
      })) as unknown as Pod;
      const agent = made.spec.containers.find((one) => one.name === 'agent');
      recorded[name] = { args: agent?.args ?? [], image: agent?.image ?? '' };
    }
    return recorded;
  } finally {
    await cluster.stop();
  }
}
