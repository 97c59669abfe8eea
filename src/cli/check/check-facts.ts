import { seconds } from '../../lib/clock.ts';
import type { InstalledFacts, DefinitionFacts, RawObject, Trial } from './installed-checks.decide.ts';
import type { PreFacts } from './pre-checks.decide.ts';
import type { RightFacts } from './rights.decide.ts';
import { KSERVE_LEASE } from '../../contract/kserve-controller.ts';
import { valueOf } from '../../lib/lookup.ts';
import type { Lookup } from '../../lib/lookup.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { MANAGER_DEPLOYMENT, SYSTEM_CONFIG } from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  DEPLOYMENTS,
  NODES,
  SELF_SUBJECT_ACCESS_REVIEWS,
  TRAINED_MODELS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from '../../kube/resources.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { reviewed } from './access-review.ts';
import type { ClusterConnection } from '../cluster-connection.ts';
import { readInForce, readInstallation, readLease } from '../installation-facts.ts';
import { listObjects } from '../cluster-snapshot.ts';
import { tryRead } from '../try-read.ts';
import { readManagerRights } from './manager-right-facts.ts';
import { tryPod } from './trial-pod.ts';

const DAY_SECONDS = 24 * 60 * 60;

/** @param warnings what the API server warned this connection of so far; the connection adds to it */
export async function readInstalledFacts(
  cluster: ClusterConnection,
  { managerNamespace, warnDays }: { readonly managerNamespace: string; readonly warnDays: number },
  warnings: readonly string[],
): Promise<InstalledFacts> {
  const { client, namespace } = cluster;
  const manager = { namespace: managerNamespace, name: MANAGER_DEPLOYMENT };
  const reading = tryRead(getIfThere(client, DEPLOYMENTS, manager));
  const [
    installation,
    definitions,
    deployment,
    managerRights,
    modelWebhook,
    systemConfig,
    trialPod,
    goodModel,
    badModel,
  ] = await Promise.all([
    readInstallation(cluster, managerNamespace),
    readDefinitions(client),
    reading,
    reading.then((found) => readManagerRights(client, managerNamespace, valueOf(found))),
    tryRead(readInForce(client, VALIDATING_WEBHOOK_CONFIGURATIONS)),
    tryRead(
      getIfThere(client, CONFIG_MAPS, { namespace: SYSTEM_CONFIG.namespace, name: SYSTEM_CONFIG.name }),
    ),
    tryRead(tryPod(client, namespace, warnings)),
    tried(client, trialModel(namespace, 's3://bucket/model')),
    tried(client, trialModel(namespace, 'no-such-scheme://bucket/model')),
  ]);
  return {
    ...{ installation, definitions, deployment, managerRights, modelWebhook, systemConfig },
    ...{ trialPod, goodModel, badModel },
    ...{ warnBefore: seconds(warnDays * DAY_SECONDS), now: systemClock.now() },
  };
}

export async function readPreFacts({ client }: ClusterConnection): Promise<PreFacts> {
  const [serverVersion, rights, definitions, kserveLease, certificates, nodes] = await Promise.all([
    tryRead(client.serverVersion()),
    Promise.all(RIGHTS.map((right) => readRight(client, right))),
    readDefinitions(client),
    tryRead(readLease(client, KSERVE_LEASE)),
    definition(client, 'certificates.cert-manager.io'),
    tryRead(listObjects(client, NODES, undefined)),
  ]);
  return { serverVersion, rights, definitions, kserveLease, certificates, nodes, now: systemClock.now() };
}

async function readDefinitions(client: ApiClient): Promise<DefinitionFacts> {
  const [inferenceServices, trainedModels] = await Promise.all([
    definition(client, 'inferenceservices.serving.kserve.io'),
    definition(client, 'trainedmodels.serving.kserve.io'),
  ]);
  return { inferenceServices, trainedModels };
}

function definition(client: ApiClient, name: string): Promise<Lookup<RawObject | undefined>> {
  return tryRead(getIfThere(client, CUSTOM_RESOURCE_DEFINITIONS, { name }));
}

function trialModel(namespace: string, storageUri: string): KubernetesObject {
  const model = { storageUri, framework: 'sklearn', memory: '1Mi' };
  return {
    metadata: { name: 'mms-check-trial', namespace },
    spec: { inferenceService: 'mms-check-trial', model },
  } as KubernetesObject;
}

/** Creates it as a dry run: through admission, and no further. */
function tried(client: ApiClient, model: KubernetesObject): Promise<Lookup<Trial>> {
  return tryRead(
    client.create(TRAINED_MODELS, model, { dryRun: true }).then(
      (): Trial => 'let in',
      (thrown: unknown): Trial => {
        // A webhook gives its denials the status it likes; ours says 403 or 422.
        if (isApiError(thrown, 'API_FORBIDDEN', 'API_INVALID', 'API_BAD_REQUEST')) return 'refused';
        throw thrown;
      },
    ),
  );
}

/** What `kubectl apply -k` creates. */
const RIGHTS = [
  { group: '', resource: 'namespaces' },
  { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations' },
  { group: 'admissionregistration.k8s.io', resource: 'validatingwebhookconfigurations' },
  { group: 'apps', resource: 'deployments' },
] as const;

async function readRight(
  client: ApiClient,
  { group, resource }: (typeof RIGHTS)[number],
): Promise<RightFacts> {
  const review = {
    metadata: { name: '' },
    spec: { resourceAttributes: { group, resource, verb: 'create' } },
  };
  const allowed = await reviewed(client.create(SELF_SUBJECT_ACCESS_REVIEWS, review));
  return { right: `create ${resource}`, allowed };
}
