import type { ModelFacts, PodFacts, PredictorFacts, ServiceFacts } from '../core/explanation/facts.ts';
import { valueOf } from '../core/known.ts';
import type { Known } from '../core/known.ts';
import { INFERENCE_SERVICE_LABEL, modelConfigName, predictorName } from '../core/names.ts';
import { nearNames } from '../core/near-names.ts';
import { inferenceServiceOf } from '../core/trained-model.ts';
import type { TrainedModel } from '../core/trained-model.ts';
import type { KubernetesObject } from '../core/kubernetes.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  NAMESPACES,
  PODS,
  TRAINED_MODELS,
} from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import { systemClock } from '../system/clock.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { listObjects } from './cluster-snapshot.ts';
import { readInstallation } from './installation-facts.ts';
import { knownAnswer } from './known-answers.ts';

/** What the chain of a TrainedModel is judged by. */
export async function readModelFacts(
  cluster: ClusterConnection,
  name: string,
  managerNamespace: string,
): Promise<ModelFacts> {
  const { client, namespace } = cluster;
  const model = await getIfThere(client, TRAINED_MODELS, { namespace, name });
  const service = model === undefined ? undefined : inferenceServiceOf(model);
  const [installation, predictor, near] = await Promise.all([
    readInstallation(cluster, managerNamespace),
    readPredictor(cluster, service),
    model === undefined ? nearNamesOf(cluster, TRAINED_MODELS, name) : [],
  ]);
  return { ...predictor, namespace, name, model, near, installation, now: systemClock.now() };
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
  return { ...predictor, namespace, name, near, installation, now: systemClock.now() };
}

export async function readPodFacts(
  cluster: ClusterConnection,
  name: string,
  managerNamespace: string,
): Promise<PodFacts> {
  const { client, namespace } = cluster;
  const pod = await getIfThere(client, PODS, { namespace, name });
  const service = pod?.metadata.labels?.[INFERENCE_SERVICE_LABEL];
  const [installation, inferenceService, ownNamespace, near] = await Promise.all([
    readInstallation(cluster, managerNamespace),
    readService(cluster, service),
    knownAnswer(client.get(NAMESPACES, { name: namespace })),
    pod === undefined ? nearNamesOf(cluster, PODS, name) : [],
  ]);
  const namespaceLabels: PodFacts['namespaceLabels'] =
    ownNamespace.kind === 'known'
      ? { kind: 'known', value: ownNamespace.value.metadata.labels ?? {} }
      : ownNamespace;
  return {
    ...{ namespace, name, pod, near, inferenceService, namespaceLabels, installation },
    now: systemClock.now(),
  };
}

/** Around an InferenceService of that name; without a name there is nothing around it. */
async function readPredictor(
  cluster: ClusterConnection,
  service: string | undefined,
): Promise<PredictorFacts> {
  const { client, namespace } = cluster;
  const [inferenceService, trainedModels, configMap, pods, deployment] = await Promise.all([
    readService(cluster, service),
    knownAnswer(modelsOf(cluster, service)),
    knownAnswer(named(CONFIG_MAPS, service && modelConfigName(service, 0))),
    knownAnswer(
      service === undefined
        ? Promise.resolve([])
        : listObjects(client, PODS, namespace, `${INFERENCE_SERVICE_LABEL}=${service}`),
    ),
    knownAnswer(named(DEPLOYMENTS, service && predictorName(service))),
  ]);
  return { inferenceService, trainedModels, configMap, pods, deployment };

  async function named<T extends KubernetesObject>(
    resource: Resource<T>,
    name: string | undefined,
  ): Promise<T | undefined> {
    return name ? await getIfThere(client, resource, { namespace, name }) : undefined;
  }
}

async function readService(
  { client, namespace }: ClusterConnection,
  name: string | undefined,
): Promise<PredictorFacts['inferenceService']> {
  if (name === undefined || name === '') return { kind: 'known', value: undefined };
  return await knownAnswer(getIfThere(client, INFERENCE_SERVICES, { namespace, name }));
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
  const listed: Known<readonly KubernetesObject[]> = await knownAnswer(
    listObjects(client, resource, namespace),
  );
  return (valueOf(listed) ?? []).map(({ metadata }) => metadata.name);
}
