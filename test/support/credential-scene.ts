import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { EnvVar, Pod, Volume, VolumeMount } from '../../src/contract/pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import { configOf, secretNameOf } from './credential-case.ts';
import type { CredentialCase } from './credential-case.ts';
import { eventually } from './eventually.ts';
import { kubectlOutcome } from './kubectl.ts';

/** The agent's part of the pod that a webhook makes of a case, with defaults of the API server. */
export interface CredentialAnswer {
  readonly env: readonly EnvVar[];
  readonly mounts: readonly VolumeMount[];
  readonly volumes: readonly Volume[];
}

export type CredentialOutcome =
  | {
      readonly kind: 'admitted';
      readonly answer: CredentialAnswer;
      readonly warnings: string;
      readonly pod: string;
    }
  | { readonly kind: 'refused'; readonly message: string };

const SYSTEM_CONFIG_NAME = { namespace: 'kserve', name: 'inferenceservice-config' };
const FIELD_MANAGER = { fieldManager: 'test', force: true } as const;

/** The Secrets and the service account of a case. */
async function createCase(client: ApiClient, one: CredentialCase): Promise<void> {
  const { secrets = {}, account } = one;
  for (const [secret, { data, annotations = {} }] of Object.entries(secrets)) {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    await client.create(SECRETS, {
      metadata: { name: secretNameOf(one, secret), namespace: 'default', annotations },
      data: Object.fromEntries(encoded) as Record<string, string>,
    });
  }
  if (account === null) return;
  const { annotations = {}, secrets: listed = Object.keys(secrets) } = account ?? {};
  await client.create(SERVICE_ACCOUNTS, {
    metadata: { name: one.name, namespace: 'default', annotations },
    secrets: listed.map((secret) => ({ name: secretNameOf(one, secret) })),
  });
}

/** Sends each case in turn to the webhook of a cluster, with the system configuration of the case. */
export async function askForEach(
  { controlPlane, client }: { readonly controlPlane: ControlPlane; readonly client: ApiClient },
  cases: readonly CredentialCase[],
  rest: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, CredentialOutcome>> {
  const outcomes = new Map<string, CredentialOutcome>();
  let configured: string | undefined = '';
  for (const one of cases) {
    await createCase(client, one);
    if (configOf(one) !== configured) await configure(controlPlane, client, one, rest);
    configured = configOf(one);
    outcomes.set(one.name, await dryRun(controlPlane, one));
  }
  return outcomes;
}

/** Writes the system configuration of a case, and waits until the webhook uses it, which the agent's image shows. */
async function configure(
  controlPlane: ControlPlane,
  client: ApiClient,
  one: CredentialCase,
  rest: Readonly<Record<string, string>>,
): Promise<void> {
  const image = `agent:${one.name}`;
  const agent = { memoryRequest: '100Mi', memoryLimit: '1Gi', cpuRequest: '100m', cpuLimit: '1' };
  const credentials = configOf(one);
  const data = {
    ...rest,
    agent: JSON.stringify({ image, ...agent }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: SYSTEM_CONFIG_NAME, data };
  await client.patch(CONFIG_MAPS, SYSTEM_CONFIG_NAME, { type: 'apply', body, ...FIELD_MANAGER });
  await eventually(async () => {
    const outcome = await dryRun(controlPlane, { name: 'without-credentials' });
    if (outcome.kind === 'refused' || !outcome.pod.includes(image)) throw new Error(JSON.stringify(outcome));
  });
}

async function dryRun({ kubeconfigPath }: ControlPlane, one: CredentialCase): Promise<CredentialOutcome> {
  const args = ['create', '--dry-run=server', '-o', 'json', '-f', '-'];
  const { code, stdout, stderr } = await kubectlOutcome(kubeconfigPath, JSON.stringify(podOf(one)), args);
  if (code !== 0) return { kind: 'refused', message: stderr };
  const { spec } = JSON.parse(stdout) as Pod;
  const agent = spec.containers.find(({ name }) => name === 'agent');
  const { env = [], volumeMounts: mounts = [] } = agent ?? {};
  return {
    kind: 'admitted',
    answer: { env, mounts, volumes: spec.volumes ?? [] },
    warnings: stderr,
    pod: stdout,
  };
}

/** A pod of multi-model InferenceService `sk`. */
export function podOf({ name, podAnnotations = {} }: CredentialCase): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { component: 'predictor', 'serving.kserve.io/inferenceservice': 'sk' },
      annotations: {
        'internal.serving.kserve.io/agent': 'true',
        'internal.serving.kserve.io/configVolumeName': 'modelconfig-sk-0',
        'internal.serving.kserve.io/configMountPath': '/mnt/configs',
        'internal.serving.kserve.io/modelDir': '/mnt/models',
        ...podAnnotations,
      },
    },
    spec: { serviceAccountName: name, containers: [{ name: 'kserve-container', image: 'mlserver:1' }] },
  };
}
