import { milliseconds } from '../lib/clock.ts';
import type { EpochMs } from '../lib/clock.ts';
import { readBundle } from '../certificates/certificate.decide.ts';
import type { InstallationFacts, LeaseFacts } from '../explanation/facts.decide.ts';
import type { Lookup } from '../lib/lookup.ts';
import { valueOf } from '../lib/lookup.ts';
import { isTakeoverIdentity, KSERVE_LEASE } from '../contract/kserve-controller.ts';
import { precedenceIn } from '../contract/model-config-plan.ts';
import { FORMER_WEBHOOK_CONFIGURATION, PART_OF, WEBHOOK_CONFIGURATION } from '../contract/names.ts';
import { baseUrlOf, caBundleOf, configurationInForce } from '../contract/webhook-configuration.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { hasReadyEndpoint } from '../kube/ready-endpoints.ts';
import { LEASES, MUTATING_WEBHOOK_CONFIGURATIONS } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { tryRead } from './try-read.ts';

/** An address that does not complete a handshake in this time is not serving. */
const HANDSHAKE = milliseconds(2000);

/** Reads what is known of the manager, with its Lease in that namespace. */
export async function readInstallation(
  { client, server }: ClusterConnection,
  namespace: string,
): Promise<InstallationFacts> {
  const [lease, kserveLease, webhook] = await Promise.all([
    tryRead(readLease(client, { namespace, name: PART_OF })),
    tryRead(readLease(client, KSERVE_LEASE)),
    tryRead(readInForce(client, MUTATING_WEBHOOK_CONFIGURATIONS)),
  ]);
  const takeover = isTakeoverIdentity(valueOf(kserveLease)?.holder ?? '');
  return {
    ...{ namespace, lease, webhook },
    trustedUntil: await trustedUntil(valueOf(webhook)),
    reached: await isReached(client, server, valueOf(webhook)),
    first: precedenceIn(takeover ? 'takeover' : 'beside'),
  };
}

/** Our configuration of a kind by which API servers call us: while an upgrade is under way, that of the former name. */
export async function readInForce(
  client: ApiClient,
  resource: Resource<WebhookConfiguration>,
): Promise<WebhookConfiguration | undefined> {
  const [ours, former] = await Promise.all(
    [WEBHOOK_CONFIGURATION, FORMER_WEBHOOK_CONFIGURATION].map((name) =>
      getIfThere(client, resource, { name }),
    ),
  );
  return configurationInForce(ours, former);
}

/** Undefined when there is no such Lease. */
export async function readLease(
  client: ApiClient,
  reference: { readonly namespace: string; readonly name: string },
): Promise<LeaseFacts | undefined> {
  const lease = await getIfThere(client, LEASES, reference);
  if (lease === undefined) return undefined;
  const { holderIdentity = '', renewTime, leaseDurationSeconds = 0 } = lease.spec ?? {};
  return { holder: holderIdentity, renewTime, durationSeconds: leaseDurationSeconds };
}

async function trustedUntil(webhook: WebhookConfiguration | undefined): Promise<EpochMs | undefined> {
  const bundle = webhook === undefined ? undefined : caBundleOf(webhook);
  if (bundle === undefined) return undefined;
  const { certificateReader } = await import('../certificates/make-certificate.ts');
  const ends = readBundle(bundle, certificateReader).map(({ notAfter }) => notAfter);
  return ends.length === 0 ? undefined : (Math.max(...ends) as EpochMs);
}

/** Whether the webhook answers where the API server calls: behind the Service, or at the URL of a manager of this machine. */
async function isReached(
  client: ApiClient,
  server: string,
  webhook: WebhookConfiguration | undefined,
): Promise<Lookup<boolean>> {
  const service = webhook?.webhooks?.[0]?.clientConfig?.service;
  if (service !== undefined) {
    return tryRead(hasReadyEndpoint(client, service));
  }
  const url = webhook === undefined ? undefined : baseUrlOf(webhook);
  if (url === undefined || !isLoopback(url) || !isLoopback(server)) {
    const why =
      url === undefined ? 'it has no address' : `${url} is meant for the API server, not for this machine`;
    return { kind: 'unreadable', why };
  }
  const { answersTls } = await import('../certificates/tls-probe.ts');
  return { kind: 'known', value: await answersTls(url, HANDSHAKE) };
}

/** The API server's own loopback is this machine's where the API server itself is reached by it. */
function isLoopback(url: string): boolean {
  return URL.canParse(url) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
