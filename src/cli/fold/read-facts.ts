import { valueOf } from '../../lib/lookup.ts';
import type { Lookup } from '../../lib/lookup.ts';
import { INFERENCE_SERVICE_LABEL, SYSTEM_CONFIG } from '../../contract/names.ts';
import { readServingRuntime } from '../../contract/serving-runtime.ts';
import { readSystemConfig } from '../../contract/system-config.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  CONFIG_MAPS,
  INFERENCE_SERVICES,
  POD_METRICS,
  PODS,
  SERVING_RUNTIMES,
  TRAINED_MODELS,
} from '../../kube/resources.ts';
import type { ClusterConnection } from '../cluster-connection.ts';
import { listObjects } from '../cluster-snapshot.ts';
import { tryRead } from '../try-read.ts';
import { usageByServers } from './server-memory.ts';
import type { FoldFacts } from './candidate.decide.ts';
import { defaultModeIn } from '../../contract/deployment-mode.ts';
import { agentRequests, podFactsOf, trainedModelNames, usageOf } from './facts.decide.ts';

/** The facts, and notes on what could not be read. */
export interface ReadFacts {
  readonly facts: FoldFacts;
  /** Sentences for the user. */
  readonly notes: readonly string[];
  readonly unmeasured: string | undefined;
}

/**
 * Reads InferenceServices and related objects. On request, asks the model servers for their memory where nothing is
 * measured. What this user may not read, or the cluster does not have, is noted.
 * @throws {ApiError} when InferenceServices or pods cannot be listed: there would be nothing to report
 */
export async function factsOfCluster(
  { client, scope }: Pick<ClusterConnection, 'client' | 'scope'>,
  { askServers = false }: { readonly askServers?: boolean } = {},
): Promise<ReadFacts> {
  const [services, pods, models, namespaced, clusterWide, usage, config] = await Promise.all([
    listObjects(client, INFERENCE_SERVICES, scope),
    listObjects(client, PODS, scope, INFERENCE_SERVICE_LABEL),
    tryRead(listObjects(client, TRAINED_MODELS, scope)),
    tryRead(listObjects(client, SERVING_RUNTIMES, scope)),
    tryRead(listObjects(client, CLUSTER_SERVING_RUNTIMES, undefined)),
    tryRead(measuredUsage(client, scope)),
    tryRead(
      getIfThere(client, CONFIG_MAPS, { namespace: SYSTEM_CONFIG.namespace, name: SYSTEM_CONFIG.name }),
    ),
  ]);
  const data = valueOf(config)?.data;
  const measured = valueOf(usage) ?? new Map();
  const used = askServers && measured.size === 0 ? await usageByServers(client, pods) : measured;
  const facts: FoldFacts = {
    services,
    trainedModels: trainedModelNames(valueOf(models) ?? []),
    runtimes: [
      ...(valueOf(namespaced) ?? []).map((runtime) => ({
        ...readServingRuntime('ServingRuntime', runtime),
        namespace: runtime.metadata.namespace,
      })),
      ...(valueOf(clusterWide) ?? []).map((runtime) => ({
        ...readServingRuntime('ClusterServingRuntime', runtime),
        namespace: undefined,
      })),
    ],
    allRuntimes: namespaced.kind === 'known' && clusterWide.kind === 'known',
    pods: podFactsOf(pods, used),
    agent: agentRequests(readSystemConfig(data, undefined).config.agent),
    ...{ defaultMode: defaultModeIn(data), artifacts: new Map() },
  };
  const notes = [
    noteOf(models, 'TrainedModels', 'a name that one has already is not noticed'),
    noteOf(namespaced, 'ServingRuntimes', "KServe's own are assumed"),
    noteOf(clusterWide, 'ClusterServingRuntimes', "KServe's own are assumed"),
    noteOf(
      config,
      `ConfigMap ${SYSTEM_CONFIG.namespace}/${SYSTEM_CONFIG.name}`,
      "KServe's defaults are assumed",
    ),
  ];
  return {
    facts,
    notes: notes.filter((note) => note !== undefined),
    unmeasured: used.size > 0 ? undefined : unmeasuredBy(usage),
  };
}

async function measuredUsage(
  client: ApiClient,
  scope: string | undefined,
): Promise<ReturnType<typeof usageOf>> {
  // In one request: metrics-server does not paginate.
  const { items } = await client.list(POD_METRICS, {
    ...(scope !== undefined && { namespace: scope }),
    labelSelector: INFERENCE_SERVICE_LABEL,
  });
  return usageOf(items);
}

function noteOf(lookup: Lookup<unknown>, what: string, instead: string): string | undefined {
  return lookup.kind === 'known' ? undefined : `${what} cannot be read (${lookup.why}): ${instead}`;
}

function unmeasuredBy(usage: Lookup<ReadonlyMap<string, unknown>>): string | undefined {
  if (usage.kind === 'unreadable')
    return `metrics.k8s.io cannot be read (is metrics-server there, and may you list pods.metrics.k8s.io?): ${usage.why}.`;
  return usage.value.size === 0 ? 'metrics.k8s.io has nothing of these pods.' : undefined;
}
