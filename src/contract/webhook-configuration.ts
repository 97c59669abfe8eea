import type { KubernetesObject } from './kubernetes.ts';

/**
 * A MutatingWebhookConfiguration or a ValidatingWebhookConfiguration. Only fields used here are typed; others are
 * passed through.
 */
export interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly Webhook[];
}

interface Webhook {
  readonly name: string;
  readonly clientConfig?: WebhookClientConfig;
  /** Without rules, API servers never call it. */
  readonly rules?: readonly WebhookRule[];
  readonly [field: string]: unknown;
}

interface WebhookClientConfig {
  readonly url?: string;
  readonly service?: {
    readonly name: string;
    readonly namespace: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** Base64 of concatenated PEM certificates. */
  readonly caBundle?: string;
}

/** The PEM text that all webhooks of a configuration trust; undefined when one has none or they differ. */
export function caBundleOf(configuration: WebhookConfiguration): string | undefined {
  const bundles = new Set((configuration.webhooks ?? []).map(({ clientConfig }) => clientConfig?.caBundle));
  const [bundle] = bundles;
  if (bundles.size !== 1 || bundle === undefined || bundle === '') return undefined;
  return new TextDecoder().decode(Uint8Array.from(atob(bundle), (character) => character.charCodeAt(0)));
}

/** The same configuration, with this PEM text in every webhook. */
export function withCaBundle(configuration: WebhookConfiguration, pem: string): WebhookConfiguration {
  const caBundle = btoa(pem);
  return mapClients(configuration, (clientConfig) => ({ ...clientConfig, caBundle }));
}

/** Whether API servers call any of its webhooks. */
export function isSwitchedOn({ webhooks = [] }: WebhookConfiguration): boolean {
  return webhooks.some(({ rules = [] }) => rules.length > 0);
}

/** The same configuration, with these rules in every webhook. Without rules it is never called. */
export function withRules(
  configuration: WebhookConfiguration,
  rules: readonly WebhookRule[],
): WebhookConfiguration {
  const webhooks = (configuration.webhooks ?? []).map((webhook) => ({ ...webhook, rules }));
  return { ...configuration, webhooks };
}

/**
 * The configuration, ours or the one of the former name, by which API servers call us; if neither is, ours if it
 * exists.
 */
export function configurationInForce(
  ours: WebhookConfiguration | undefined,
  former: WebhookConfiguration | undefined,
): WebhookConfiguration | undefined {
  return [ours, former].find((each) => each !== undefined && isSwitchedOn(each)) ?? ours ?? former;
}

/** The base URL of the webhooks (`https://127.0.0.1:9443`); undefined for webhooks behind a Service. */
export function baseUrlOf(configuration: WebhookConfiguration): string | undefined {
  const url = configuration.webhooks?.[0]?.clientConfig?.url;
  return url === undefined || !URL.canParse(url) ? undefined : new URL(url).origin;
}

/**
 * The same configuration for a manager outside the cluster: called by URL instead of through the Service. The URL must
 * be https, with a host that the API server can reach.
 */
export function atBaseUrl(configuration: WebhookConfiguration, baseUrl: string): WebhookConfiguration {
  return mapClients(configuration, ({ service, url, caBundle }) => {
    const path = service?.path ?? (url === undefined ? '/' : new URL(url).pathname);
    return { url: `${baseUrl}${path}`, ...(caBundle === undefined ? {} : { caBundle }) };
  });
}

function mapClients(
  configuration: WebhookConfiguration,
  change: (clientConfig: WebhookClientConfig) => WebhookClientConfig,
): WebhookConfiguration {
  const webhooks = (configuration.webhooks ?? []).map((webhook) => ({
    ...webhook,
    clientConfig: change(webhook.clientConfig ?? {}),
  }));
  return { ...configuration, webhooks };
}

/**
 * What API servers call our webhooks for. The manifests leave rules out, so that an installation alone causes no calls:
 * the manager adds them once it can answer.
 */
export interface WebhookRule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster' | '*';
}

/** The selectors in the manifests limit these to the pods of InferenceServices. */
export const POD_RULES: readonly WebhookRule[] = [
  {
    ...{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
    ...{ operations: ['CREATE'], scope: 'Namespaced' },
  },
];

/** As KServe's own: deletions are never refused. */
export const TRAINED_MODEL_RULES: readonly WebhookRule[] = [
  {
    ...{ apiGroups: ['serving.kserve.io'], apiVersions: ['v1alpha1'], resources: ['trainedmodels'] },
    ...{ operations: ['CREATE', 'UPDATE'], scope: 'Namespaced' },
  },
];
