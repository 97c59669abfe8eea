import { milliseconds } from '../lib/clock.ts';
import { FORMER_WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../contract/names.ts';
import { POD_RULES, TRAINED_MODEL_RULES, withRules } from '../contract/webhook-configuration.ts';
import type { WebhookRule } from '../contract/webhook-configuration.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS } from '../kube/resources.ts';
import type { ManagerOptions } from './options.ts';
import { POD_WEBHOOK, TRAINED_MODEL_WEBHOOK } from './webhook-templates.ts';
import { answersTls } from '../certificates/tls-probe.ts';
import {
  combinedRegistration,
  installedRegistration,
  localRegistration,
} from '../certificates/webhook-registration.ts';
import type { ConfigurationPlace, WebhookRegistration } from '../certificates/webhook-registration.ts';

/** Another manager that does not complete a handshake in this time is not serving. */
const NEIGHBOUR_TIMEOUT = milliseconds(1000);

/** A configuration in the cluster, with the rules for which the manager enables it. */
export interface RegisteredPlace extends ConfigurationPlace {
  readonly rules: readonly WebhookRule[];
  /** The configuration for TrainedModels may be missing. */
  readonly optional: boolean;
}

/** The manager's two webhook configurations, which share a name: one for pods, one for TrainedModels. */
export function webhookPlaces(client: ApiClient, name: string): readonly RegisteredPlace[] {
  return [
    { client, name, resource: MUTATING_WEBHOOK_CONFIGURATIONS, rules: POD_RULES, optional: false },
    { client, name, resource: VALIDATING_WEBHOOK_CONFIGURATIONS, rules: TRAINED_MODEL_RULES, optional: true },
  ];
}

/**
 * Where the caBundle is published. Configurations of the former name are included while they exist: API servers may
 * still use them.
 * @param port where this process serves its webhooks
 */
export function registrationFor(
  { mode, logger }: Pick<ManagerOptions, 'mode' | 'logger'>,
  client: ApiClient,
  { port, isLeader }: { readonly port: number; readonly isLeader: () => boolean },
): WebhookRegistration {
  if (mode === 'in-cluster') {
    const former = webhookPlaces(client, FORMER_WEBHOOK_CONFIGURATION);
    return combinedRegistration([
      ...webhookPlaces(client, WEBHOOK_CONFIGURATION).map((place) =>
        installedRegistration(place, {
          ...{ optional: place.optional, isLeader },
          inItsPlace: { ...place, name: FORMER_WEBHOOK_CONFIGURATION },
        }),
      ),
      ...former.map((place) => installedRegistration(place, { optional: true, isLeader })),
    ]);
  }
  const local = {
    client,
    baseUrl: `https://127.0.0.1:${port}`,
    answersTls: (baseUrl: string) => answersTls(baseUrl, NEIGHBOUR_TIMEOUT),
    logger,
  };
  return combinedRegistration([
    localRegistration({
      ...local,
      resource: MUTATING_WEBHOOK_CONFIGURATIONS,
      template: withRules(POD_WEBHOOK, POD_RULES),
    }),
    localRegistration({
      ...local,
      resource: VALIDATING_WEBHOOK_CONFIGURATIONS,
      template: withRules(TRAINED_MODEL_WEBHOOK, TRAINED_MODEL_RULES),
    }),
  ]);
}
