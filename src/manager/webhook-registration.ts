import { MmsError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import {
  atBaseUrl,
  baseUrlOf,
  caBundleOf,
  withCaBundle,
  type WebhookConfiguration,
} from '../core/webhook-configuration.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS } from '../kube/resources.ts';
import { StaleWriteError } from './certificate-stores.ts';
import type { CaBundlePublisher, PublishedBundles } from './certificate-stores.ts';

/** The webhook configuration is not installed, and only a person may install it. */
class WebhookNotInstalledError extends MmsError {
  readonly code = 'WEBHOOK_NOT_INSTALLED';
  readonly retryable = true;
}

/** Our webhook configuration in the cluster: where the caBundle is published. */
export interface WebhookRegistration extends CaBundlePublisher {
  /** Takes the registration back, if it points to this process; for a manager outside of the cluster. */
  withdraw(): Promise<void>;
}

/** The configuration that `kubectl apply` installed; the manager may only change it, not create it. */
export function installedRegistration(client: ApiClient, name: string): WebhookRegistration {
  return {
    ...publisher(client, async () => {
      const configuration = await read(client, name);
      if (configuration !== undefined) return configuration;
      throw new WebhookNotInstalledError(
        `MutatingWebhookConfiguration ${name} is missing; install it with: kubectl apply -k manifests/default`,
      );
    }),
    withdraw: () => Promise.resolve(),
  };
}

export interface LocalRegistrationOptions {
  readonly client: ApiClient;
  /** The configuration as it is packaged. */
  readonly template: WebhookConfiguration;
  /** Where this process serves: `https://127.0.0.1:9443`. */
  readonly baseUrl: string;
  /** Whether anything serves at another manager's address. */
  readonly isServed: (baseUrl: string) => Promise<boolean>;
  readonly logger: Logger;
}

/**
 * A registration by URL. A cluster calls one URL, so of several managers outside of the cluster one is registered; when
 * nothing answers there any more, the next that looks takes its place.
 */
export function localRegistration(options: LocalRegistrationOptions): WebhookRegistration {
  const { client, template, baseUrl, isServed, logger } = options;
  const { name } = template.metadata;

  async function claimed(): Promise<WebhookConfiguration> {
    const existing = await read(client, name);
    if (existing === undefined) return await register();
    const registered = baseUrlOf(existing);
    if (registered === baseUrl || (registered !== undefined && (await isServed(registered)))) return existing;
    logger.info({ registered, baseUrl }, 'nothing serves at the registered address; taking over the webhook');
    return await write(
      client,
      atBaseUrl({ ...template, metadata: existing.metadata, ...keepBundle(existing) }, baseUrl),
    );
  }

  /** The rules are always those of this version; what the API servers trust is not ours to reset. */
  function keepBundle(existing: WebhookConfiguration): Pick<WebhookConfiguration, 'webhooks'> {
    const pem = caBundleOf(existing);
    return { webhooks: (pem === undefined ? template : withCaBundle(template, pem)).webhooks ?? [] };
  }

  async function register(): Promise<WebhookConfiguration> {
    try {
      return await client.create(MUTATING_WEBHOOK_CONFIGURATIONS, atBaseUrl(template, baseUrl));
    } catch (thrown) {
      if (!isApiError(thrown, 'API_ALREADY_EXISTS')) throw thrown;
      throw new StaleWriteError(`${name} was registered meanwhile`, { cause: thrown });
    }
  }

  return {
    ...publisher(client, claimed),
    async withdraw() {
      const existing = await read(client, name);
      if (existing === undefined || baseUrlOf(existing) !== baseUrl) return;
      const { uid, resourceVersion } = existing.metadata;
      const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
      await client.delete(MUTATING_WEBHOOK_CONFIGURATIONS, { name }, { preconditions });
    },
  };
}

function publisher(client: ApiClient, current: () => Promise<WebhookConfiguration>): CaBundlePublisher {
  return {
    async read(): Promise<PublishedBundles> {
      const configuration = await current();
      const bundles = (configuration.webhooks ?? []).map((webhook) => ({
        name: `${configuration.metadata.name}/${webhook.name}`,
        caBundle: caBundleOf({ ...configuration, webhooks: [webhook] }) ?? '',
      }));
      return { bundles, version: configuration };
    },
    async publish(caBundle, over) {
      await write(client, withCaBundle(over.version as WebhookConfiguration, caBundle));
    },
  };
}

function read(client: ApiClient, name: string): Promise<WebhookConfiguration | undefined> {
  return getIfThere(client, MUTATING_WEBHOOK_CONFIGURATIONS, { name });
}

/** Only over the version that was read: an authority might be taken away that another leader has just begun to use. */
async function write(client: ApiClient, configuration: WebhookConfiguration): Promise<WebhookConfiguration> {
  try {
    return await client.replace(MUTATING_WEBHOOK_CONFIGURATIONS, configuration);
  } catch (thrown) {
    if (!isApiError(thrown, 'API_CONFLICT', 'API_NOT_FOUND')) throw thrown;
    throw new StaleWriteError(`${configuration.metadata.name} was changed meanwhile`, { cause: thrown });
  }
}
