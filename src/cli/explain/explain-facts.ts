import type { ModelFacts, PodFacts, PredictorFacts, ServiceFacts } from '../../explanation/facts.decide.ts';
import { valueOf } from '../../lib/lookup.ts';
import type { Lookup } from '../../lib/lookup.ts';
import {
  INFERENCE_SERVICE_LABEL,
  modelConfigName,
  predictorName,
  wakingServiceName,
} from '../../contract/names.ts';
import { nearNames } from '../near-names.decide.ts';
import { canBeInferenceService, inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { isApiError } from '../../kube/api-error.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  INFERENCE_SERVICES,
  NAMESPACES,
  PODS,
  SERVICES,
  TRAINED_MODELS,
} from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { systemClock } from '../../lib/system-clock.ts';
import type { ClusterConnection } from '../cluster-connection.ts';
import { listObjects } from '../cluster-snapshot.ts';
import { readInstallation } from '../installation-facts.ts';
import { tryRead } from '../try-read.ts';

/** What the chain of a TrainedModel is judged by. */
export async function readModelFacts(
  cluster: ClusterConnection,
  name: string,
  managerNamespace: string,
): Promise<ModelFacts> {
  const { client, namespace } = cluster;
  const model = await getIfThere(client, TRAINED_MODELS, { namespace, name });
  const service = model === undefined ? undefined : inferenceServiceOf(model);
  const [installation, predictor, near, defined] = await Promise.all([
    readInstallation(cluster, managerNamespace),
    readPredictor(cluster, service),
    model === undefined ? nearNamesOf(cluster, TRAINED_MODELS, name) : [],
    model !== undefined || isDefined(cluster, TRAINED_MODELS),
  ]);
  const misses = service !== undefined && isMissing(predictor.inferenceService);
  const nearServices = misses ? await nearNamesOf(cluster, INFERENCE_SERVICES, service) : [];
  return {
    ...predictor,
    namespace,
    name,
    model,
    defined,
    near,
    nearServices,
    installation,
    now: systemClock.now(),
  };
}

function isMissing(lookup: Lookup<unknown>): boolean {
  return lookup.kind === 'known' && lookup.value === undefined;
}

export async function readServiceFacts(
  cluster: ClusterConnection,
  name: string,
  managerNamespace: string,
): Promise<ServiceFacts> {
  const { namespace } = cluster;
  const [installation, predictor] = await Promise.all([
    readInstallation(cluster, managerNamespace),
    readPredictor(cluster, name),
  ]);
  const missing = valueOf(predictor.inferenceService) === undefined;
  const near = missing ? await nearNamesOf(cluster, INFERENCE_SERVICES, name) : [];
  const defined = !missing || (await isDefined(cluster, INFERENCE_SERVICES));
  return { ...predictor, namespace, name, defined, near, installation, now: systemClock.now() };
}

export async function readPodFacts(
  cluster: ClusterConnection,
  name: string,
  managerNamespace: string,
): Promise<PodFacts> {
  const { client, namespace } = cluster;
  const pod = await getIfThere(client, PODS, { namespace, name });
  const service = pod?.metadata.labels?.[INFERENCE_SERVICE_LABEL];
  const [installation, inferenceService, namespaceLabels, near] = await Promise.all([
    readInstallation(cluster, managerNamespace),
    readService(cluster, service),
    namespaceLabelsOf(cluster),
    pod === undefined ? nearNamesOf(cluster, PODS, name) : [],
  ]);
  return {
    ...{ namespace, name, pod, near, inferenceService, namespaceLabels, installation },
    now: systemClock.now(),
  };
}

/** Around an InferenceService of that name; without a name there is nothing around it. */
async function readPredictor(cluster: ClusterConnection, asked: string | undefined): Promise<PredictorFacts> {
  const { client, namespace } = cluster;
  // An invalid name cannot be used in a path.
  const service = asked !== undefined && canBeInferenceService(asked) ? asked : undefined;
  const [inferenceService, trainedModels, configMap, pods, deployment] = await Promise.all([
    readService(cluster, service),
    tryRead(modelsOf(cluster, asked)),
    tryRead(named(CONFIG_MAPS, service && modelConfigName(service, 0))),
    tryRead(
      service === undefined
        ? Promise.resolve([])
        : listObjects(client, PODS, namespace, `${INFERENCE_SERVICE_LABEL}=${service}`),
    ),
    tryRead(named(DEPLOYMENTS, service && predictorName(service))),
  ]);
  const [ownService, wakingService, readyEndpoints, namespaceLabels] = await Promise.all([
    tryRead(named(SERVICES, service && predictorName(service))),
    tryRead(named(SERVICES, service && wakingServiceName(service))),
    tryRead(endpointsOf(service)),
    namespaceLabelsOf(cluster),
  ]);
  return {
    ...{ inferenceService, trainedModels, configMap, pods, deployment },
    ...{ service: ownService, wakingService, readyEndpoints, namespaceLabels },
  };

  async function endpointsOf(name: string | undefined): Promise<number | undefined> {
    if (name === undefined) return undefined;
    const labelSelector = `kubernetes.io/service-name=${predictorName(name)}`;
    const slices = await listObjects(client, ENDPOINT_SLICES, namespace, labelSelector);
    const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
    // Absent means ready, as the API asks of consumers.
    const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
    return slices.length === 0 ? undefined : ready.length;
  }

  async function named<T extends KubernetesObject>(
    resource: Resource<T>,
    name: string | undefined,
  ): Promise<T | undefined> {
    return name ? await getIfThere(client, resource, { namespace, name }) : undefined;
  }
}

async function namespaceLabelsOf({
  client,
  namespace,
}: ClusterConnection): Promise<PredictorFacts['namespaceLabels']> {
  const found = await tryRead(client.get(NAMESPACES, { name: namespace }));
  return found.kind === 'known' ? { kind: 'known', value: found.value.metadata.labels ?? {} } : found;
}

/** Whether the API server knows the kind: of one that it knows it has a list, be it empty. */
async function isDefined({ client, namespace }: ClusterConnection, resource: Resource): Promise<boolean> {
  try {
    await client.list(resource, { namespace, limit: 1 });
    return true;
  } catch (thrown) {
    return !isApiError(thrown, 'API_NOT_FOUND');
  }
}

async function readService(
  { client, namespace }: ClusterConnection,
  name: string | undefined,
): Promise<PredictorFacts['inferenceService']> {
  if (name === undefined || name === '') return { kind: 'known', value: undefined };
  return await tryRead(getIfThere(client, INFERENCE_SERVICES, { namespace, name }));
}

async function modelsOf(
  { client, namespace }: ClusterConnection,
  service: string | undefined,
): Promise<readonly TrainedModel[]> {
  const all = await listObjects(client, TRAINED_MODELS, namespace);
  return all.filter((model) => inferenceServiceOf(model) === service);
}

async function nearNamesOf(cluster: ClusterConnection, resource: Resource, name: string): Promise<string[]> {
  return nearNames(name, await namesOf(cluster, resource));
}

/** The names of a kind in the namespace; none where they cannot be listed. */
export async function namesOf(
  { client, namespace }: ClusterConnection,
  resource: Resource,
): Promise<string[]> {
  const listed: Lookup<readonly KubernetesObject[]> = await tryRead(listObjects(client, resource, namespace));
  return (valueOf(listed) ?? []).map(({ metadata }) => metadata.name);
}
