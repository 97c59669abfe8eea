import { MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import {
  atBaseUrl,
  baseUrlOf,
  caBundleOf,
  isSwitchedOn,
  withCaBundle,
  type WebhookConfiguration,
} from '../contract/webhook-configuration.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { CallOptions } from '../kube/transport.ts';
import { isApiError } from '../kube/api-error.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { thisVersionOf } from '../kube/resource-version.ts';
import type { Resource } from '../kube/resources.ts';
import { StaleWriteError } from './certificate-stores.ts';
import type { CaBundlePublisher, PublishedBundles } from './certificate-stores.ts';

/** The webhook configuration is not installed, and only a user may install it. */
class WebhookNotInstalledError extends MmsError {
  readonly code = 'WEBHOOK_NOT_INSTALLED';
  readonly retryable = true;
}

/** Our webhook configuration in the cluster, where the caBundle is published. */
export interface WebhookRegistration extends CaBundlePublisher {
  /** Removes the registration if it points to this process; for a manager outside the cluster. */
  withdraw(): Promise<void>;
}

/** One webhook configuration of the cluster. */
export interface ConfigurationPlace {
  readonly client: ApiClient;
  /** Mutating or validating. */
  readonly resource: Resource<WebhookConfiguration>;
  readonly name: string;
}

interface InstalledRegistrationOptions {
  /** An optional configuration that is missing has no caBundle to publish. */
  readonly optional: boolean;
  /**
   * While this one exists, the other may be missing: a manager of this version with the previous version's manifests.
   */
  readonly inItsPlace?: ConfigurationPlace;
  /** Whether this replica may publish. */
  readonly isLeader: () => boolean;
}

/**
 * The configuration that `kubectl apply` installed; the manager may only change it, not create it. A configuration
 * without rules and caBundle is filled in by the leader. Other replicas treat it as missing: their leader may be of a
 * version that does not know it, and they must become ready all the same.
 */
export function installedRegistration(
  place: ConfigurationPlace,
  { optional, inItsPlace, isLeader }: InstalledRegistrationOptions,
): WebhookRegistration {
  return {
    ...publisher(place, async () => {
      const configuration = await readIfAllowed(place);
      if (configuration !== undefined) {
        const untouched = !isSwitchedOn(configuration) && caBundleOf(configuration) === undefined;
        return untouched && !isLeader() ? undefined : configuration;
      }
      if (optional) return undefined;
      if (inItsPlace !== undefined && (await readIfAllowed(inItsPlace)) !== undefined) return undefined;
      throw new WebhookNotInstalledError(
        `${place.resource.kind} ${place.name} is missing; install it with: kubectl apply -k manifests/default`,
      );
    }),
    withdraw: () => Promise.resolve(),
  };
}

/** Several configurations that trust the same authorities and are served by the same process, as one. */
export function combinedRegistration(parts: readonly WebhookRegistration[]): WebhookRegistration {
  return {
    async read() {
      const each = await Promise.all(parts.map((part) => part.read()));
      return { bundles: each.flatMap(({ bundles }) => bundles), version: each };
    },
    async publish(caBundle, over) {
      // One after the other: after a failure in between, the next read shows bundles that differ.
      for (const [index, read] of (over.version as readonly PublishedBundles[]).entries()) {
        await parts[index]?.publish(caBundle, read);
      }
    },
    async withdraw() {
      await Promise.all(parts.map((part) => part.withdraw()));
    },
  };
}

interface LocalRegistrationOptions {
  readonly client: ApiClient;
  readonly resource: Resource<WebhookConfiguration>;
  /** The configuration as it is packaged. */
  readonly template: WebhookConfiguration;
  /** Where this process serves: `https://127.0.0.1:9443`. */
  readonly baseUrl: string;
  /** Whether anything serves at another manager's address. */
  readonly answersTls: (baseUrl: string) => Promise<boolean>;
  readonly logger: Logger;
}

/**
 * A registration by URL. A cluster calls one URL, so only one of several managers outside the cluster is registered.
 * When it stops answering, the next one that checks takes its place.
 */
export function localRegistration(options: LocalRegistrationOptions): WebhookRegistration {
  const { client, resource, template, baseUrl, answersTls, logger } = options;
  const { name } = template.metadata;
  const place = { client, resource, name };

  async function claimed(): Promise<WebhookConfiguration> {
    const existing = await readConfiguration(place);
    if (existing === undefined) return await register();
    const registered = baseUrlOf(existing);
    if (registered === baseUrl || (registered !== undefined && (await answersTls(registered))))
      return existing;
    logger.info({ registered, baseUrl }, 'nothing serves at the registered address; taking over the webhook');
    return await writeConfiguration(
      place,
      atBaseUrl({ ...template, metadata: existing.metadata, ...keepBundle(existing) }, baseUrl),
    );
  }

  /** The rules are always this version's; the caBundle is not reset. */
  function keepBundle(existing: WebhookConfiguration): Pick<WebhookConfiguration, 'webhooks'> {
    const pem = caBundleOf(existing);
    return { webhooks: (pem === undefined ? template : withCaBundle(template, pem)).webhooks ?? [] };
  }

  async function register(): Promise<WebhookConfiguration> {
    try {
      return await client.create(resource, atBaseUrl(template, baseUrl));
    } catch (thrown) {
      if (!isApiError(thrown, 'API_ALREADY_EXISTS')) throw thrown;
      throw new StaleWriteError(`${name} was registered meanwhile`, { cause: thrown });
    }
  }

  return {
    ...publisher(place, claimed),
    async withdraw() {
      const existing = await readConfiguration(place);
      if (existing === undefined || baseUrlOf(existing) !== baseUrl) return;
      await client.delete(resource, { name }, { preconditions: thisVersionOf(existing) });
    },
  };
}

function publisher(
  place: ConfigurationPlace,
  current: () => Promise<WebhookConfiguration | undefined>,
): CaBundlePublisher {
  return {
    async read(): Promise<PublishedBundles> {
      const configuration = await current();
      const bundles = (configuration?.webhooks ?? []).map((webhook) => ({
        name: `${place.resource.kind}/${place.name}/${webhook.name}`,
        caBundle: caBundleOf({ metadata: { name: place.name }, webhooks: [webhook] }) ?? '',
      }));
      return { bundles, version: configuration };
    },
    async publish(caBundle, over) {
      const configuration = over.version as WebhookConfiguration | undefined;
      if (configuration !== undefined) await writeConfiguration(place, withCaBundle(configuration, caBundle));
    },
  };
}

/** Undefined when it is not installed. */
function readConfiguration(
  { client, resource, name }: ConfigurationPlace,
  options: CallOptions = {},
): Promise<WebhookConfiguration | undefined> {
  return getIfThere(client, resource, { name }, options);
}

/** An older role without rights to this configuration must not keep the others from their certificate. */
export async function readIfAllowed(
  place: ConfigurationPlace,
  options: CallOptions = {},
): Promise<WebhookConfiguration | undefined> {
  try {
    return await readConfiguration(place, options);
  } catch (thrown) {
    if (isApiError(thrown, 'API_FORBIDDEN')) return undefined;
    throw thrown;
  }
}

/**
 * Only if unchanged since it was read: the write could remove an authority that another leader has just begun to use.
 */
export async function writeConfiguration(
  { client, resource }: ConfigurationPlace,
  configuration: WebhookConfiguration,
  options: CallOptions = {},
): Promise<WebhookConfiguration> {
  try {
    return await client.replace(resource, configuration, options);
  } catch (thrown) {
    if (!isApiError(thrown, 'API_CONFLICT', 'API_NOT_FOUND')) throw thrown;
    throw new StaleWriteError(`${configuration.metadata.name} was changed meanwhile`, { cause: thrown });
  }
}
