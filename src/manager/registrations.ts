import { milliseconds } from '../lib/clock.ts';
import { PART_OF } from '../contract/names.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS } from '../kube/resources.ts';
import { packagedWebhookConfiguration } from './local-cluster.ts';
import type { ManagerOptions } from './options.ts';
import { isServed } from '../certificates/tls-probe.ts';
import { combinedRegistration, installedRegistration, localRegistration } from '../certificates/webhook-registration.ts';
import type { WebhookRegistration } from '../certificates/webhook-registration.ts';

/** A neighbour that does not even complete a handshake in this time is not serving. */
const NEIGHBOUR_TIMEOUT = milliseconds(1000);

/**
 * The two webhook configurations of the manager, of one name: the one for pods, and the one for TrainedModels, which a
 * cluster may do without.
 *
 * @param port where this process serves its webhooks
 */
export async function registrationFor(
  { mode, logger }: Pick<ManagerOptions, 'mode' | 'logger'>,
  client: ApiClient,
  port: number,
): Promise<WebhookRegistration> {
  if (mode === 'in-cluster') {
    return combinedRegistration([
      installedRegistration(
        { client, resource: MUTATING_WEBHOOK_CONFIGURATIONS, name: PART_OF },
        { optional: false },
      ),
      installedRegistration(
        { client, resource: VALIDATING_WEBHOOK_CONFIGURATIONS, name: PART_OF },
        { optional: true },
      ),
    ]);
  }
  const local = {
    client,
    baseUrl: `https://127.0.0.1:${port}`,
    isServed: (baseUrl: string) => isServed(baseUrl, NEIGHBOUR_TIMEOUT),
    logger,
  };
  return combinedRegistration([
    localRegistration({
      ...local,
      resource: MUTATING_WEBHOOK_CONFIGURATIONS,
      template: await packagedWebhookConfiguration('mutating'),
    }),
    localRegistration({
      ...local,
      resource: VALIDATING_WEBHOOK_CONFIGURATIONS,
      template: await packagedWebhookConfiguration('validating'),
    }),
  ]);
}
