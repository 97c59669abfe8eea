import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { POD_RULES, withCaBundle } from '../../src/contract/webhook-configuration.ts';
import type { WebhookConfiguration } from '../../src/contract/webhook-configuration.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, NAMESPACES } from '../../src/kube/resources.ts';
import { POD_WEBHOOK } from '../../src/manager/webhook-templates.ts';
import { eventually } from './eventually.ts';

/** An injector of a test is called for pods of namespaces with this label. */
const MESH_LABEL = 'mesh';

export interface InjectorRegistration {
  /** The API server calls mutating webhooks in the order of their configurations' names. */
  readonly name: string;
  readonly reinvocationPolicy: 'Never' | 'IfNeeded';
  readonly url: string;
  readonly ca: string;
  /** The namespaces with this label's value. */
  readonly mesh: string;
}

/** Registers an injector as the mesh's own chart does, but by URL. */
export async function registerInjector(client: ApiClient, of: InjectorRegistration): Promise<void> {
  const configuration: WebhookConfiguration = {
    metadata: { name: of.name },
    webhooks: [
      {
        name: `${of.mesh}.injector.test`,
        clientConfig: { url: of.url },
        admissionReviewVersions: ['v1'],
        rules: POD_RULES,
        namespaceSelector: { matchLabels: { [MESH_LABEL]: of.mesh } },
        reinvocationPolicy: of.reinvocationPolicy,
        failurePolicy: 'Fail',
        sideEffects: 'None',
      },
    ],
  };
  await client.create(MUTATING_WEBHOOK_CONFIGURATIONS, withCaBundle(configuration, of.ca));
}

/**
 * Registers our webhook a second time, under another name, for the namespaces with this label.
 * @param like the configuration that the manager maintains
 */
export async function registerOursAs(
  client: ApiClient,
  name: string,
  mesh: string,
  like: WebhookConfiguration,
): Promise<void> {
  const webhooks = (like.webhooks ?? []).map((webhook) => ({
    ...webhook,
    namespaceSelector: { matchLabels: { [MESH_LABEL]: mesh } },
  }));
  await client.create(MUTATING_WEBHOOK_CONFIGURATIONS, { metadata: { name }, webhooks });
}

/** The configuration that the manager maintains, once it is switched on. */
export async function ourConfiguration(client: ApiClient): Promise<WebhookConfiguration> {
  return await eventually(async () => {
    const found = await client.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: POD_WEBHOOK.metadata.name });
    const [webhook] = found.webhooks ?? [];
    const hasRules = Array.isArray(webhook?.['rules']) && webhook['rules'].length > 0;
    if (webhook?.clientConfig?.caBundle === undefined || !hasRules) throw new Error('it is not called yet');
    return found;
  });
}

export async function meshNamespace(client: ApiClient, name: string, labels: object): Promise<void> {
  await client.create(NAMESPACES, { metadata: { name, labels } } as unknown as KubernetesObject);
}
