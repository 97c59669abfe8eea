import { stringify } from 'yaml';
import { seconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { keyOf } from '../../contract/kubernetes.ts';
import {
  CONTAINERS,
  FORMER_WEBHOOK_CONFIGURATION,
  INFERENCE_SERVICE_LABEL,
  MODEL_CONFIG_LABEL,
  PART_OF,
  WEBHOOK_CONFIGURATION,
} from '../../contract/names.ts';
import { redacted, withoutAccess } from './redaction.decide.ts';
import { watchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  DEPLOYMENTS,
  EVENTS,
  INFERENCE_SERVICES,
  LEASES,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  PODS,
  TRAINED_MODELS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from '../../kube/resources.ts';
import type { CustomObject, Resource } from '../../kube/resources.ts';
import type { ClusterConnection } from '../cluster-connection.ts';
import { listObjects } from '../cluster-snapshot.ts';

const LOG_LINES = 2000;
const LOG_BYTES = 1024 * 1024;
/** An agent's word on all of its models. */
const AGENT_BYTES = 16 * 1024 * 1024;
const ASK_TIMEOUT = seconds(10);
const DEFINITIONS = ['inferenceservices.serving.kserve.io', 'trainedmodels.serving.kserve.io'];

interface Gathered {
  /** Which Kubernetes it is: `v1.36.3`. */
  readonly kubernetes: string | undefined;
  /** Contents by path; nothing in them gives access to anything. */
  readonly files: ReadonlyMap<string, string>;
  /** What could not be had, and why, a line each. */
  readonly missing: readonly string[];
}

/** Reads all that there is; what cannot be had keeps nothing else back. Never rejects. */
export async function gatherDiagnostics(
  { client, scope }: ClusterConnection,
  managerNamespace: string,
): Promise<Gathered> {
  const { files, missing, attempt, list, single, log, agent } = createCollector(client);
  const kubernetes = await attempt('the version of Kubernetes', () => client.serverVersion());
  const managers = await list('manager', PODS, managerNamespace, `app.kubernetes.io/part-of=${PART_OF}`);
  await list('manager', DEPLOYMENTS, managerNamespace);
  await list('manager', EVENTS, managerNamespace);
  await single(LEASES, PART_OF, managerNamespace);
  // While an upgrade is under way there are those of the former name, too.
  for (const name of [WEBHOOK_CONFIGURATION, FORMER_WEBHOOK_CONFIGURATION]) {
    await single(MUTATING_WEBHOOK_CONFIGURATIONS, name);
    await single(VALIDATING_WEBHOOK_CONFIGURATIONS, name);
  }
  for (const name of DEFINITIONS) await single(CUSTOM_RESOURCE_DEFINITIONS, name);
  await list('serving', INFERENCE_SERVICES, scope);
  await list('serving', TRAINED_MODELS, scope);
  await list('serving', CONFIG_MAPS, scope, MODEL_CONFIG_LABEL);
  await list('serving', EVENTS, scope);
  const predictors = await list('serving', PODS, scope, INFERENCE_SERVICE_LABEL);
  for (const pod of managers) await log(pod, 'manager');
  for (const pod of predictors) await agent(pod);
  return { kubernetes, files, missing };
}

interface Collector extends Omit<Gathered, 'kubernetes'> {
  /** Undefined when it cannot be had, which is then among what is missing. */
  attempt<T>(what: string, ask: () => Promise<T>): Promise<T | undefined>;
  /** All objects of a kind, into a file of that folder. */
  list<T extends KubernetesObject>(
    folder: string,
    resource: Resource<T>,
    namespace: string | undefined,
    labelSelector?: string,
  ): Promise<readonly T[]>;
  single(resource: Resource, name: string, namespace?: string): Promise<void>;
  log(pod: CustomObject, container: string): Promise<void>;
  /** What the agent of a pod says of its models, and its log. */
  agent(pod: CustomObject): Promise<void>;
}

function createCollector(client: ApiClient): Collector {
  const files = new Map<string, string>();
  const missing: string[] = [];

  async function attempt<T>(what: string, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (thrown) {
      missing.push(`${what}: ${withoutAccess(messageOf(thrown))}`);
      return undefined;
    }
  }

  async function list<T extends KubernetesObject>(
    folder: string,
    resource: Resource<T>,
    namespace: string | undefined,
    labelSelector?: string,
  ): Promise<readonly T[]> {
    const found = await attempt(`${folder}/${resource.plural}`, () =>
      listObjects(client, resource, namespace, labelSelector),
    );
    if (found !== undefined) files.set(`${folder}/${resource.plural}.yaml`, stringify(redacted(found)));
    return found ?? [];
  }

  async function single(resource: Resource, name: string, namespace?: string): Promise<void> {
    const where = namespace === undefined ? {} : { namespace };
    const found = await attempt(`${resource.plural}/${name}`, () =>
      getIfThere(client, resource, { ...where, name }),
    );
    if (found !== undefined) files.set(`manager/${resource.plural}-${name}.yaml`, stringify(redacted(found)));
  }

  async function log(pod: CustomObject, container: string): Promise<void> {
    const { name, namespace = '' } = pod.metadata;
    const request = { namespace, pod: name, container, lines: LOG_LINES, maxBytes: LOG_BYTES };
    const text = await attempt(`the log of ${keyOf(pod)} ${container}`, () => client.readLog(request));
    if (text !== undefined) files.set(`logs/${namespace}/${name}.${container}.log`, withoutAccess(text));
  }

  async function agent(pod: CustomObject): Promise<void> {
    const { agentStatusPort: port, metadata } = watchedPod(pod);
    const { name, namespace = '' } = metadata;
    if (port === undefined) return;
    const request = { namespace, pod: name, port, path: '/v1/models', maxBytes: AGENT_BYTES };
    const answer = await attempt(`the agent of ${keyOf(pod)}`, () =>
      client.askPod(request, { timeout: ASK_TIMEOUT }),
    );
    if (answer !== undefined) files.set(`agents/${namespace}/${name}.json`, withoutAccess(answer.text));
    await log(pod, CONTAINERS.agent);
  }

  return { files, missing, attempt, list, single, log, agent };
}
